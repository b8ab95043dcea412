"""The command line, whose reads go one segment at a time and wait after some of them for a line on standard input.

Run as `python halting_cli.py SEGMENTS ARGUMENT...`: a signal can then be sent at a known moment. 0 never waits.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from gemma10m import cli, reading
from gemma10m.reading import Step, pace, read_steps

HALTED = "halted\n"


def main(segments: int) -> None:
    def halting_steps(*arguments: Any) -> Iterator[Step]:
        for number, step in enumerate(read_steps(*arguments), start=1):
            if number == segments:
                sys.stderr.write(HALTED)
                sys.stderr.flush()
                sys.stdin.readline()
            yield step

    pace.stretch_tokens = lambda model: model.reading.segment
    reading.read_steps = halting_steps
    cli.main()


if __name__ == "__main__":
    main(int(sys.argv.pop(1)))

"""The program: `gemma10m`, or `python -m gemma10m`. Signals are looked after before anything else is imported."""

import os

from gemma10m import interrupts


def main() -> None:
    interrupts.install()
    from gemma10m.cli import main as run

    try:
        run()
    except SystemExit as end:
        if end.code in interrupts.EXIT_CODES:
            # The interpreter would take a while to end, with the usual handlers back: a second signal would show.
            os._exit(int(end.code))
        raise


if __name__ == "__main__":
    main()

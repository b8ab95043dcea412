"""Run the program. Signals are looked after before anything else is imported."""

import gc
import os

from gemma10m import interrupts

_GARBAGE = (20_000, 20, 50)  # what PyTorch and a vocabulary allocate is kept: looking through it takes a quarter second


def main() -> None:
    interrupts.install()
    gc.set_threshold(*_GARBAGE)
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

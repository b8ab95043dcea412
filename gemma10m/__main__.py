"""Run the program with `python -m gemma10m`."""

from gemma10m.cli import main

main()

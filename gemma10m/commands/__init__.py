"""Run the commands. `cli.py` only parses their options.

Nothing here is imported before its command runs, so that `--help` does not wait for torch.
"""

"""What each command does, in full sentences of the other rooms; `cli.py` only parses words.

Nothing here is imported before its command runs, so that `--help` does not wait for torch.
"""

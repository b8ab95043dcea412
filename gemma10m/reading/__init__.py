"""Read a document with a model into a state: stretches, counted progress, and resuming where a read stopped.

ids.py       the document's ids with the prompt's opening in front
bookmark.py  a state and what it takes to continue from it
stretch.py   how many tokens go through a layer together
pace.py      one stretch after another, in the memory there is
tail.py      the last tokens, where nothing before them can reach an answer
steps.py     the loop
"""

from __future__ import annotations

from gemma10m.reading.bookmark import Bookmark
from gemma10m.reading.steps import Step, read, read_steps

__all__ = ["Bookmark", "Step", "read", "read_steps"]

"""Write a state to one `.safetensors` file, atomic, checksummed, bound to a model and a document (docs/state-file.md).

saving.py         State and StateHeader -> file
state_reading.py  file -> State and StateHeader, compared with what the caller expects
container.py      file -> checked header and tensors
layout.py         which tensors a state has
header.py         what a state says about itself
"""

from __future__ import annotations

from gemma10m.state_file.header import FORMAT, DocumentRecord, OriginRecord, SkippedRecord, SourceRecord, StateHeader
from gemma10m.state_file.saving import refuse_too_many_files, save_state
from gemma10m.state_file.state_reading import Expectation, is_state_file, load_state, read_header

__all__ = [
    "FORMAT",
    "DocumentRecord",
    "Expectation",
    "OriginRecord",
    "SkippedRecord",
    "SourceRecord",
    "StateHeader",
    "is_state_file",
    "load_state",
    "read_header",
    "refuse_too_many_files",
    "save_state",
]

"""Open a source in a process of its own: print what came of it, the peak of memory, and every file that was written."""

from __future__ import annotations

import json
import os
import resource
import sys

written: list[str] = []


def note_writing(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        written.append(str(arguments[0]))
    if event in ("os.mkdir", "os.symlink", "os.link", "os.rename", "os.chmod", "shutil.unpack_archive"):
        written.append(f"{event} {arguments}")


sys.addaudithook(note_writing)

from gemma10m.documents import open_source  # noqa: E402
from gemma10m.errors import DocumentError  # noqa: E402

outcome: dict[str, object] = {}
try:
    document = open_source(sys.argv[1])
    outcome["files"] = [file.path for file in document.files]
    outcome["skipped"] = {skipped.path: skipped.reason for skipped in document.skipped}
    outcome["text"] = "".join(piece.text for piece in document.pieces())[:1000]
except DocumentError as error:
    outcome["error"], outcome["hint"] = error.message, error.hint
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))
outcome["peak"] = peak
outcome["peak_of_children"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
outcome["written"] = written
sys.stdout.write(json.dumps(outcome))

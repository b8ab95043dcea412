"""Read XLS, the binary files of Excel 5 to 2003: a process of its own reads the sheets, and rows are written here."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import IO, Any

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats import xls_process
from gemma10m.documents.formats.cell_formats import HIDDEN_BY_FORMAT, CellFormat, parsed
from gemma10m.documents.formats.own_process import own_process
from gemma10m.documents.formats.sheet_rows import WITHOUT_TEXT, SheetRows
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_LONGEST_LINE = 16 << 20  # bytes of JSON; a row has 256 cells of 32,767 characters at most
_MOST_FORMATS = 4096
_TOO_MUCH = "an old Excel file that takes too much memory, or is damaged"
_WHY = {
    xls_process.ENCRYPTED: "an old Excel file that only a password opens",
    xls_process.BROKEN: "damaged: it begins as an old Excel file, and is cut short or broken",
    -signal.SIGPROF: f"an old Excel file with a sheet that takes more than {limits.XLS_SECONDS} s",
}


def write_xls(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of an old Excel file. Raises `UnreadableError` and `DiskError`."""
    if find_spec("xlrd") is None:
        raise UnreadableError("an old Excel file (.xls), which needs xlrd", hint="pip install 'gemma10m[office]'")
    sheets = _XlsSheets(writer, budget)
    with own_process(xls_process, content, limits.XLS_MEMORY, limits.XLS_SECONDS) as process:
        assert process.stdout is not None
        is_whole = sheets.read(process.stdout)
        if not is_whole:
            process.kill()
    why = _WHY.get(process.returncode, _TOO_MUCH) if process.returncode or not is_whole else ""
    if writer.blank:
        raise UnreadableError(why or WITHOUT_TEXT)
    if why:
        writer.note(f"its last sheets are not read ({why})")
    sheets.rows.tell()


class _XlsSheets:
    def __init__(self, writer: TextWriter, budget: Budget) -> None:
        self.rows, self._budget = SheetRows(writer, budget), budget
        self._formats: dict[str, CellFormat] = {}
        self._notes: list[str] = []  # of the open sheet
        self._is_1904 = False

    def read(self, lines: IO[bytes]) -> bool:
        """Write what the process gives; return False where a line does not end."""
        read: dict[str, Callable[..., None]] = {
            "sheet": self._begin,
            "row": self._row,
            "note": self._note,
            "lost": partial(self.rows.leave_out, "damaged sheet"),
        }
        self._is_1904 = lines.readline(9).strip() == b"1"
        while line := lines.readline(_LONGEST_LINE):
            if not line.endswith(b"\n"):
                return False
            self._budget.spend(len(line))
            kind, *given = json.loads(line)
            read[kind](*given)
        self._end()
        return True

    def _begin(self, name: str, visibility: int) -> None:
        self._end()
        if visibility:
            self.rows.leave_out("hidden sheet")
        else:
            self.rows.begin_sheet(name)

    def _end(self) -> None:
        self.rows.remarks(self._notes)
        self._notes = []

    def _row(self, is_hidden: int, cells: list[list[Any]]) -> None:
        if is_hidden:
            self.rows.leave_out("hidden row")
            return
        for column, kind, value, code, in_hidden in cells:
            if in_hidden:
                self.rows.leave_out("cell", " in hidden columns")
            elif text := self._shown(kind, value, code):
                self.rows.cell(column, text)
            elif str(value).strip():
                self.rows.leave_out(*HIDDEN_BY_FORMAT)
        self.rows.end_row()

    def _shown(self, kind: int, value: Any, code: str) -> str:
        if kind == xls_process.BOOLEAN:
            return "TRUE" if value else "FALSE"
        if code not in self._formats and len(self._formats) < _MOST_FORMATS:
            self._formats[code] = parsed(code)
        shown = self._formats.get(code) or parsed(code)
        if kind == xls_process.TEXT:
            return shown.words(" ".join(str(value).split()))
        return shown.text(repr(value), self._is_1904)

    def _note(self, cell: str, author: str, text: str) -> None:
        self._notes.append(f"[comment by {' '.join(author.split()) or 'somebody'} on {cell}] {' '.join(text.split())}")

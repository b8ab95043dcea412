"""Read the XLS on standard input, in a process of its own, and write its rows as lines of JSON.

An old Excel file is read whole into memory, by numbers out of it. Here that has a limit, and can end without ending
anything else. Errors are exit codes. The first line is 1 if days count from 1904, else 0. Other lines begin with a
word: `sheet` with a name and 0 for one that is shown; `row` with 1 for a hidden one and its cells, [column, kind,
value, format, 1 for a hidden column]; `note` with a cell, an author and a text; `lost` for a damaged sheet.
"""

from __future__ import annotations

import io
import json
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

if __name__ == "__main__":  # the package, which knows this file's exit codes, does without it
    import xlrd

ENCRYPTED, BROKEN = 3, 4
TEXT, NUMBER, BOOLEAN = 0, 1, 2
_KINDS = {1: TEXT, 2: NUMBER, 3: NUMBER, 4: BOOLEAN, 5: TEXT}  # by xlrd's: text, number, date, boolean, error


def main(memory: int, seconds: int) -> int:
    """Write the sheets. seconds: of computing, for the list of sheets and for each sheet."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    with open(0, "rb") as file, open(1, "wb") as out:
        signal.setitimer(signal.ITIMER_PROF, seconds)  # it ends the process
        try:
            book = xlrd.open_workbook(
                file_contents=file.read(),
                logfile=io.StringIO(),
                formatting_info=True,
                on_demand=True,
                ragged_rows=True,
                ignore_workbook_corruption=True,
            )
        except xlrd.XLRDError as error:
            return ENCRYPTED if "encrypted" in str(error) else BROKEN
        except MemoryError:
            raise
        except Exception:  # whatever a damaged file leads to
            return BROKEN
        out.write(b"%d\n" % book.datemode)
        for number, name in enumerate(book.sheet_names()):
            signal.setitimer(signal.ITIMER_PROF, seconds)
            for line in _sheet(book, number, name):
                out.write(json.dumps(line).encode() + b"\n")
    return 0


def _sheet(book: Any, number: int, name: str) -> Iterator[list[Any]]:
    visibility = book._sheet_visibility[number]
    yield ["sheet", name, visibility]
    if visibility:
        return
    try:
        sheet = book.sheet_by_index(number)
    except MemoryError:
        raise
    except Exception:  # whatever a damaged file leads to
        yield ["lost"]
        return
    hidden = {column for column, info in sheet.colinfo_map.items() if info.hidden and not info.outline_level}
    for row in range(sheet.nrows):
        info = sheet.rowinfo_map.get(row)
        cells = [
            _cell(book, column, cell, column in hidden)
            for column, cell in enumerate(sheet.row(row))
            if cell.ctype in _KINDS
        ]
        if cells:
            yield ["row", int(bool(info and info.hidden and not info.outline_level)), cells]
    for (row, column), note in sorted(sheet.cell_note_map.items()):
        yield ["note", xlrd.cellname(row, column), note.author, note.text]
    book.unload_sheet(number)


def _cell(book: Any, column: int, cell: Any, is_hidden: bool) -> list[Any]:
    value = xlrd.error_text_from_code.get(cell.value, "#ERR!") if cell.ctype == xlrd.XL_CELL_ERROR else cell.value
    style = book.xf_list[cell.xf_index] if cell.xf_index is not None else None
    known = book.format_map.get(style.format_key) if style and cell.ctype in (1, 2, 3) else None
    return [column, _KINDS[cell.ctype], value, known.format_str if known else "", int(is_hidden)]


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

"""Read Jupyter notebooks: what was written and what came out as text, cell by cell."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from typing import Any

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.counts import counted
from gemma10m.documents.formats.data_uris import shortened
from gemma10m.documents.formats.overwritten import as_shown
from gemma10m.documents.formats.page_text import page_text
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

# No number matters here, and one of a million digits takes long to understand.
_JSON = json.JSONDecoder(parse_int=len, parse_float=len, parse_constant=len)
_CELLS, _BETWEEN = re.compile(r'"cells"\s*:\s*\[\s*'), re.compile(r"[\s,]*")
_STREAM = ("output_type", "name", "stream")  # the last before 2014
_BARE = re.compile(r"\s*<[^<>\n]*>\s*")  # `<IPython.core.display.HTML object>`, `<Figure size 640x480 with 1 Axes>`
_BEFORE_2014 = {
    **{"text": "text/plain", "html": "text/html", "latex": "text/latex", "javascript": "application/javascript"},
    **{"png": "image/png", "jpeg": "image/jpeg", "svg": "image/svg+xml"},
}


def write_notebook(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write a notebook's cells and text output. Raises `UnreadableError` and `DiskError`."""
    left_out = Counter[str]()
    for number, cell in enumerate(_cells(content.whole("a notebook"), writer), start=1):
        if number > 1:
            writer.write("\n")
        writer.place(f"cell {number}")
        source = cell.get("source", cell.get("input"))  # its name before 2014
        outputs = _whole_streams(_objects(cell.get("outputs")))
        for text in (_text(source), *(_output(each, writer, left_out) for each in outputs)):
            if text:
                writer.write(shortened(text, writer).removesuffix("\n") + "\n")
    if left_out:
        counts = (f"{number:,} {what}{'s' * (number > 1)}" for what, number in sorted(left_out.items(), reverse=True))
        writer.note(f"left out: {', '.join(counts)}")
    if writer.blank:
        raise UnreadableError("a notebook without text")


def _cells(content: bytes, writer: TextWriter) -> list[dict[str, Any]]:
    if content.count(b",") + content.count(b"[") + content.count(b"{") > limits.NOTEBOOK_VALUES:
        raise UnreadableError(f"a notebook of more than {limits.NOTEBOOK_VALUES:,} values")
    try:
        notebook = _JSON.decode(content.decode(json.detect_encoding(content), "surrogatepass"))
    except (ValueError, RecursionError) as error:
        if not (whole := _whole_cells(content)):
            why = "a notebook that is damaged: it is not JSON"
            raise UnreadableError(why, hint="save it again in Jupyter") from error
        writer.note(f"damaged: {counted(len(whole), 'cell')} read, and nothing behind")
        return whole
    if not isinstance(notebook, dict):
        raise UnreadableError("a notebook that is damaged: it has no cells")
    sheets = _objects(notebook.get("worksheets")) or [notebook]  # one, before 2014
    return [cell for sheet in sheets for cell in _objects(sheet.get("cells"))]


def _whole_cells(content: bytes) -> list[dict[str, Any]]:
    """Return the cells of a damaged notebook up to the damage."""
    text, cells = content.decode(errors="replace"), list[object]()
    first = _CELLS.search(text)
    at = first.end() if first else len(text)
    while at < len(text):
        try:
            cell, at = _JSON.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        cells.append(cell)
        between = _BETWEEN.match(text, at)
        at = between.end() if between else at
    return _objects(cells)


def _whole_streams(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the outputs, with what was written to one stream in several pieces as one: Jupyter joins them."""
    whole = list[dict[str, Any]]()
    for output in outputs:
        before = whole[-1] if whole else {}
        if output.get("output_type") == "stream" and all(before.get(key) == output.get(key) for key in _STREAM):
            whole[-1] = {**before, "text": _text(before.get("text")) + _text(output.get("text"))}
        else:
            whole.append(output)
    return whole


def _output(output: dict[str, Any], writer: TextWriter, left_out: Counter[str]) -> str:
    """Return an output's text; count the pictures and other outputs that have none."""
    if output.get("output_type") in ("error", "pyerr"):
        return as_shown(f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}")
    found = output.get("data")
    old = {kind: output[key] for key, kind in _BEFORE_2014.items() if key in output}
    data: dict[str, Any] = found if isinstance(found, dict) else old
    text = as_shown(_text(data.get("text/plain")))
    if not text or _BARE.fullmatch(text):
        text = _rich_text(data, writer) or (text if len(data) < 2 else "")
    if any(kind.startswith("image/") for kind in data):
        left_out["picture"] += 1
    elif data.keys() - {"text/plain"} and not text:
        left_out["other output"] += 1
    return text


def _rich_text(data: dict[str, Any], writer: TextWriter) -> str:
    page = _text(data.get("text/html")).replace("\0", "\ufffd").encode("utf-8", "replace")
    html = page_text(codecs.BOM_UTF8 + page, writer) if page else ""
    return _text(data.get("text/markdown")) or html or _text(data.get("text/latex"))


def _text(value: object) -> str:
    """Return a text, or the joined lines of a list."""
    lines = value if isinstance(value, list) else [value]
    return "".join(line for line in lines if isinstance(line, str))


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

"""Jupyter notebooks: cells in order, outputs that are text, and JSON that is no notebook."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from formats import notebook, opened, places, text_of

from gemma10m.documents import limits, open_source
from gemma10m.errors import DocumentError

CODE = {
    "cell_type": "code",
    "source": ["x = 1\n", "print(x)"],
    "outputs": [
        {"output_type": "stream", "text": ["1\n"]},
        {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo", "text/plain": ["<Figure>"]}},
        {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo"}},
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["\x1b[31mValueError"]},
    ],
}


def test_cells_and_what_came_out(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.ipynb", notebook({"cell_type": "markdown", "source": "# Title"}, CODE))
    assert text_of(document) == "# Title\n\nx = 1\nprint(x)\n1\nValueError: no\n"
    assert document.notices == (f"{tmp_path}/a.ipynb: left out: 2 pictures",)
    assert places(document) == [("# Title", "cell 1"), ("x = 1", "cell 2")]


OBJECT = "<IPython.core.display.HTML object>"
OUTPUTS = {
    "a page": ({"text/plain": OBJECT, "text/html": ["<p>The answer", " is 7</p>"]}, "The answer is 7\n", ""),
    "Markdown": ({"text/plain": OBJECT, "text/markdown": "**7**", "text/html": "<b>7"}, "**7**\n", ""),
    "a page alone": ({"text/html": "<table><tr><td>a<td>b</table>"}, "a\tb\n", ""),
    "text with a page": ({"text/plain": "a  b", "text/html": "<b>other"}, "a  b\n", ""),
    "a text like an object": ({"text/plain": "<class 'int'>"}, "<class 'int'>\n", ""),
    "a picture in two formats": ({"text/plain": "<Figure>", "image/png": "", "image/svg+xml": ""}, "", "1 picture"),
    "a program": ({"text/plain": OBJECT, "application/javascript": "x()"}, "", "1 other output"),
    "colours": ({"text/plain": "\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\link"}, "red link\n", ""),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_an_output_is_written_in_the_form_that_is_text(tmp_path: Path, case: str) -> None:
    data, text, left_out = OUTPUTS[case]
    document = opened(tmp_path, "a.ipynb", notebook({"source": "x", "outputs": [{"data": data}]}))
    assert text_of(document) == f"x\n{text}"
    assert document.notices == ((f"{tmp_path}/a.ipynb: left out: {left_out}",) if left_out else ())


def test_streams_and_errors_are_written_without_colours(tmp_path: Path) -> None:
    outputs = [{"text": "\x1b[32mok\x1b[0m\n"}, {"output_type": "error", "ename": "E", "evalue": "\x1b[31mno"}]
    document = opened(tmp_path, "a.ipynb", notebook({"source": "x", "outputs": outputs}))
    assert text_of(document) == "x\nok\nE: no\n"


WRITTEN = {
    "a bar that is written over": ("\r 0%|  | 0/3\r 33%|# | 1/3\r100%|##| 3/3\n", "100%|##| 3/3\n"),
    "what is longer below": ("downloading\rdone\n", "doneloading\n"),
    "a line that is erased": ("downloading\r\x1b[Kdone\nb\x1b[2K\rc\n", "done\nc\n"),
    "steps back": ("1/3 9.9\b\b\b\b\b\b\b3/3\b\b\b\b\b\b2\n", "2/3 9.9\n"),
    "lines with CR": ("a\r\nb\r\r\nc\r", "a\nb\nc\n"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_progress_is_shown_as_it_stands_at_its_end(tmp_path: Path, case: str) -> None:
    written, text = WRITTEN[case]
    document = opened(tmp_path, "a.ipynb", notebook({"source": "x", "outputs": [{"text": written}]}))
    assert text_of(document) == f"x\n{text}"


def test_pieces_of_one_stream_are_joined(tmp_path: Path) -> None:
    written = [("stderr", "\r10%"), ("stderr", "\r99%"), ("stdout", "a"), ("stdout", "b\n"), ("stderr", "c")]
    outputs = [{"output_type": "stream", "name": name, "text": text} for name, text in written]
    document = opened(tmp_path, "a.ipynb", notebook({"source": "x", "outputs": outputs}))
    assert text_of(document) == "x\n99%\nab\nc\n"


def test_a_notebook_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert places(opened(tmp_path, "a.ipynb", "\ufeff" + notebook({"source": "x"}))) == [("x", "cell 1")]


def test_a_notebook_of_before_2014(tmp_path: Path) -> None:
    old = {"worksheets": [{"cells": [{"input": ["1 + 1"], "outputs": [{"text": ["2"]}]}]}], "nbformat": 3}
    assert text_of(opened(tmp_path, "a.ipynb", json.dumps(old))) == "1 + 1\n2\n"


OLD_OUTPUTS = {
    "a page": ({"output_type": "pyout", "html": "<b>h</b>", "text": ["<obj>"]}, "h\n", ""),
    "a formula": ({"output_type": "display_data", "latex": "$x$"}, "$x$\n", ""),
    "a picture": ({"output_type": "display_data", "png": "iVB", "text": "<fig>"}, "", "1 picture"),
    "a program": ({"output_type": "display_data", "javascript": "x()"}, "", "1 other output"),
    "nothing": ({"output_type": "stream", "stream": "stdout", "text": ""}, "", ""),
}


@pytest.mark.parametrize("case", OLD_OUTPUTS)
def test_an_output_of_before_2014_has_its_forms_beside_its_text(tmp_path: Path, case: str) -> None:
    output, text, left_out = OLD_OUTPUTS[case]
    old = {"worksheets": [{"cells": [{"input": "x", "outputs": [output]}]}], "nbformat": 3}
    document = opened(tmp_path, "a.ipynb", json.dumps(old))
    assert text_of(document) == f"x\n{text}"
    assert document.notices == ((f"{tmp_path}/a.ipynb: left out: {left_out}",) if left_out else ())


def test_what_is_not_as_it_should_be_is_not_text(tmp_path: Path) -> None:
    odd = [
        {"source": 7},
        {"source": {"a": 1}},
        {"source": ["a", 7, None]},
        {"outputs": "x"},
        {"outputs": [3, {"data": 4}]},
    ]
    document = opened(tmp_path, "a.ipynb", notebook({"source": "text \ud800\0"}, *odd))
    assert text_of(document).replace("\n", "") == "text ?\ufffda"


def test_by_its_name_only(tmp_path: Path) -> None:
    content = notebook({"source": "text"})
    assert text_of(opened(tmp_path, "a.json", content)) == content
    assert text_of(opened(tmp_path, "b.ipynb", "not JSON, a text")) == "not JSON, a text"
    opened(tmp_path, "c.ipynb", content)
    assert [(file.path, file.place(0)) for file in open_source(tmp_path).files] == [
        ("a.json", ""),
        ("b.ipynb", ""),
        ("c.ipynb", "cell 1"),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "a notebook that is damaged: it is not JSON"),
        ('{"cells":' + "[" * 100_000, "it is not JSON"),
        (b'{"cells": "\xff"}', "it is not JSON"),
        ("{}", "a notebook without text"),
        ('{"cells": {}}', "a notebook without text"),
        ('{"cells": [' + "1," * limits.NOTEBOOK_VALUES + "1]}", "a notebook of more than 500,000 values"),
        ('{"cells": "' + "x" * limits.LARGEST_WHOLE + '"}', "a notebook of more than 16 MiB"),
    ],
)
def test_notebooks_that_cannot_be_read(tmp_path: Path, content: str | bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        opened(tmp_path, "a.ipynb", content)


@pytest.mark.parametrize(("kept", "cells"), [(0.5, 1), (0.75, 2)])
def test_a_notebook_that_is_cut_off_is_read_up_to_its_last_whole_cell(tmp_path: Path, kept: float, cells: int) -> None:
    whole = notebook(*({"source": f"cell {number} {'x' * 100}"} for number in range(3))).encode()
    document = opened(tmp_path, "a.ipynb", whole[: int(kept * len(whole))])
    assert text_of(document) == "\n".join(f"cell {number} {'x' * 100}\n" for number in range(cells))
    are = "1 cell is" if cells == 1 else f"{cells} cells are"
    assert document.notices == (f"{tmp_path}/a.ipynb: damaged: {are} read, and nothing behind",)


def test_what_is_behind_a_notebooks_end_is_not_read(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.ipynb", '{"cells": [{"source": "x"}]} more')
    assert text_of(document) == "x\n"
    assert document.notices == (f"{tmp_path}/a.ipynb: damaged: 1 cell is read, and nothing behind",)


def test_a_notebook_cut_off_in_its_first_cell_is_refused(tmp_path: Path) -> None:
    whole = notebook({"source": "x" * 100}).encode()
    with pytest.raises(DocumentError, match="it is not JSON"):
        opened(tmp_path, "a.ipynb", whole[:60])

"""Formats are imported when a file is of their kind: each kind has its function, and plain text imports none."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from gemma10m.documents.extraction import WRITERS, ZIPPED_WRITERS

GIVEN = dict.fromkeys(WRITERS, 3) | dict.fromkeys(ZIPPED_WRITERS, 2)  # parameters: file, writer, and a budget for some


@pytest.mark.parametrize("kind", GIVEN)
def test_each_kind_has_a_function_that_takes_its_file(kind: str) -> None:
    module, name = (WRITERS | ZIPPED_WRITERS)[kind]
    write = getattr(import_module(f"gemma10m.documents.formats.{module}"), name)
    parameters = list(inspect.signature(write).parameters.values())
    assert parameters[1].annotation == "TextWriter"
    assert sum(parameter.default is inspect.Parameter.empty for parameter in parameters) == GIVEN[kind]


def test_reading_a_text_imports_no_other_format() -> None:
    check = (
        "import sys; from gemma10m.documents import open_source; open_source(sys.argv[1]); "
        "print(*(name for name in sys.modules if name.startswith('gemma10m.documents.formats.')))"
    )
    done = subprocess.run([sys.executable, "-c", check, __file__], capture_output=True, text=True, check=True)
    assert not {"pdf", "docx", "epub", "html_text", "mail"} & {name.split(".")[-1] for name in done.stdout.split()}

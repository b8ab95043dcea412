"""Pages that are XML: their encoding, the prefixes of their elements' names, and the entities that they declare."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import epub, opened, text_of

META = '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"/>'
LATIN = f"<html><head>{META}</head><body><p>café</p></body></html>"
ENCODINGS = {
    "nothing": ('<?xml version="1.0"?>' + LATIN, "utf-8", "café"),
    "no declaration": (LATIN, "utf-8", "café"),
    "UTF-8": ('<?xml version="1.0" encoding="UTF-8"?>' + LATIN, "utf-8", "café"),
    "another encoding": ('<?xml version="1.0" encoding="koi8-r"?>' + LATIN.replace("é", "я"), "koi8-r", "cafя"),
    "nothing, and is not UTF-8": ('<?xml version="1.0"?>' + LATIN, "cp1252", "café"),
}


@pytest.mark.parametrize("case", ENCODINGS)
def test_a_meta_does_not_say_the_encoding_of_xml(tmp_path: Path, case: str) -> None:
    page, encoding, text = ENCODINGS[case]
    for name in ("a.xhtml", "a.xht"):
        assert text_of(opened(tmp_path, name, page.encode(encoding))) == text + "\n"
    if encoding == "utf-8":
        book = epub({"1.html": ""}, **{"OPS__1.html": page})
        assert text_of(opened(tmp_path, "a.epub", book)) == text + "\n"


def test_a_meta_says_the_encoding_of_html(tmp_path: Path) -> None:
    page = '<?xml version="1.0"?>' + LATIN
    assert text_of(opened(tmp_path, "a.html", page.encode("cp1252"))) == "café\n"
    assert text_of(opened(tmp_path, "a.html", page)) == "cafÃ©\n"

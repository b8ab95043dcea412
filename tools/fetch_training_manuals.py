"""Fetch four manuals to train with: `python tools/fetch_training_manuals.py FOLDER [DEB ...]`.

`recipes/questions/manuals.jsonl` asks about them: the Debian FAQ and the Debian Developer's Reference as text, Git's
user manual and Python's tutorial as HTML, out of packages of Debian 12, about 16 MB. None is measured with. Packages
that are named are used instead of the network. Other versions are refused: they may say other things.
"""

from __future__ import annotations

import gzip
import re

from fetch_manuals import PYTHON, Collection, Manual, main
from prose.deb import read_member, read_members

FAQ_PATH = "usr/share/doc/debian/FAQ/debian-faq.en.txt.gz"
REFERENCE_PATH = "usr/share/developers-reference/developers-reference.txt.gz"
GIT_PATH = "usr/share/doc/git-doc/user-manual.html"
TUTORIAL_PAGE = re.compile(r"usr/share/doc/python3\.11/html/tutorial/([\w.-]+\.html)")


def faq_files(tar: bytes) -> dict[str, bytes]:
    return {"debian-faq.txt": gzip.decompress(read_member(tar, FAQ_PATH))}


def reference_files(tar: bytes) -> dict[str, bytes]:
    return {"developers-reference.txt": gzip.decompress(read_member(tar, REFERENCE_PATH))}


def git_files(tar: bytes) -> dict[str, bytes]:
    return {"git-user-manual.html": read_member(tar, GIT_PATH)}


def tutorial_files(tar: bytes) -> dict[str, bytes]:
    pages = read_members(tar, lambda path: TUTORIAL_PAGE.fullmatch(path) is not None)
    return {f"python-tutorial/{path.rpartition('/')[2]}": content for path, content in pages}


FAQ = Manual(
    name="debian-faq",
    version="11.1",
    path="pool/main/d/debian-faq/debian-faq_11.1_all.deb",
    size=499_508,
    sha256="427426e0cfa6888622fc1d72631071cb4b5a1f86ccde722e7820bcef284de5d0",
    title="The Debian GNU/Linux FAQ",
    written="debian-faq.txt",
    files=faq_files,
    licence="(c) 1996-2003 Software in the Public Interest; copies with this notice, and changed ones on the same "
    "terms, are permitted.",
)
REFERENCE = Manual(
    name="developers-reference",
    version="12.18",
    path="pool/main/d/developers-reference/developers-reference_12.18_all.deb",
    size=1_117_500,
    sha256="0dba82f6fa16e373f2a84ad07e7971aa9264ad2e7d2ae46b37edbc9c5fd57e2e",
    title="Debian Developer's Reference",
    written="developers-reference.txt",
    files=reference_files,
    licence="(c) 1997-2023 Christian Schwarz, Adam Di Carlo and others; GNU GPL, version 2 or later. Its source is "
    "Debian's source package developers-reference.",
)
GIT = Manual(
    name="git-doc",
    version="1:2.39.5-0+deb12u3",
    path="pool/main/g/git/git-doc_2.39.5-0+deb12u3_all.deb",
    size=2_153_500,
    sha256="3c89668a11053a6bafade3de1f611f4613db31e082af63f43d8c5b69ad8795ec",
    title="Git User Manual",
    written="git-user-manual.html",
    files=git_files,
    licence="(c) 2005-2022 Linus Torvalds and others; GNU GPL, version 2. Its source is Debian's source package git.",
)
TUTORIAL = Manual(
    name=PYTHON.name,
    version=PYTHON.version,
    path=PYTHON.path,
    size=PYTHON.size,
    sha256=PYTHON.sha256,
    title="The Python Tutorial",
    written="python-tutorial",
    files=tutorial_files,
    licence=PYTHON.licence,
)
TRAINED_WITH = Collection(
    (FAQ, REFERENCE, GIT, TUTORIAL),
    "Written by `tools/fetch_training_manuals.py`, to train with and never to measure with.",
)


if __name__ == "__main__":
    main(__doc__, TRAINED_WITH)

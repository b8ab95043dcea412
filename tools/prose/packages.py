"""List the Debian packages that hold the prose, their books, and what each book is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gemma10m.errors import DocumentError
from prose.damage import DamagedError
from prose.deb import DebFile, open_deb, read_member
from prose.r_data import character_vectors
from prose.verses import bible_texts


@dataclass(frozen=True)
class Book:
    path: str  # below the folder of the prose
    title: str
    about: str


@dataclass(frozen=True)
class Package(DebFile):
    member: str  # the file in it that holds the text
    texts: Callable[[bytes], dict[str, str]]  # that file's content -> book titles and texts
    books: tuple[Book, ...]
    licence: str


def _novels(data: bytes) -> dict[str, str]:
    vectors = [lines for lines in character_vectors(data) if lines]
    return {lines[0].strip().title().replace(" And ", " and "): "\n".join(lines) + "\n" for lines in vectors}


AUSTEN = Package(
    name="r-cran-janeaustenr",
    version="1.0.0-1",
    path="pool/main/r/r-cran-janeaustenr/r-cran-janeaustenr_1.0.0-1_all.deb",
    size=1_626_392,
    sha256="df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95",
    member="usr/lib/R/site-library/janeaustenr/data/Rdata.rdb",
    texts=_novels,
    books=(
        Book("train/emma.txt", "Emma", "Jane Austen, 1815"),
        Book("train/mansfield-park.txt", "Mansfield Park", "Jane Austen, 1814"),
        Book("train/northanger-abbey.txt", "Northanger Abbey", "Jane Austen, 1818"),
        Book("train/pride-and-prejudice.txt", "Pride and Prejudice", "Jane Austen, 1813"),
        Book("train/sense-and-sensibility.txt", "Sense and Sensibility", "Jane Austen, 1811"),
        Book("test/persuasion.txt", "Persuasion", "Jane Austen, 1818"),
    ),
    licence="The novels are in the public domain: Jane Austen died in 1817. The package is (c) Julia Silge, MIT.",
)
BIBLE_TITLE, NUMBERED_TITLE = "The King James Bible", "The King James Bible with verse numbers"
BIBLE = Package(
    name="bible-kjv-text",
    version="4.38",
    path="pool/main/b/bible-kjv/bible-kjv-text_4.38_all.deb",
    size=2_445_000,
    sha256="d61b6aad4c51ba9e2800b825325fa6a09e99a0d02a9bb6dc4724fcc4995a1b7a",
    member="usr/lib/bible.data",
    texts=lambda data: dict(zip((BIBLE_TITLE, NUMBERED_TITLE), bible_texts(data), strict=True)),
    books=(
        Book("test/kjv.txt", BIBLE_TITLE, "the translation of 1611, one verse a line, unnumbered"),
        Book("documents/kjv.txt", NUMBERED_TITLE, "the same with the numbers of the verses, to be asked about"),
    ),
    licence="The translation's copyright has expired; in the United Kingdom the Crown's patent covers printing it.",
)
PACKAGES = (AUSTEN, BIBLE)


@dataclass(frozen=True)
class Unpacked:
    """A package as it was found: another version than the one known may hold other words."""

    package: Package
    version: str
    sha256: str
    texts: dict[Book, str]

    @property
    def is_the_known_one(self) -> bool:
        return self.sha256 == self.package.sha256


def unpack(data: bytes, sha256: str, name: str) -> Unpacked:
    """Return the books of a .deb called `name`. Raises DocumentError for another or a damaged package."""
    try:
        deb = open_deb(data)
        package = next((package for package in PACKAGES if package.name == deb.name), None)
        if package is None:
            raise DamagedError(f"it is the package {deb.name}, expected {' or '.join(one.name for one in PACKAGES)}")
        found = package.texts(read_member(deb.files, package.member))
        missing = [book.title for book in package.books if book.title not in found]
        if missing:
            raise DamagedError(f"it lacks {', '.join(missing)}")
    except DamagedError as error:
        raise DocumentError(f"{name} cannot be used: {error}", hint=_get_them_again()) from error
    return Unpacked(package, deb.version, sha256, {book: found[book.title] for book in package.books})


def _get_them_again() -> str:
    return f"get the packages again: apt-get download {' '.join(package.name for package in PACKAGES)}"

"""Read what an EPUB lists: its files, and which of them are read in which order."""

from __future__ import annotations

from typing import NamedTuple

from gemma10m.documents.formats.xml_events import Attributes

CONTAINER = "META-INF/container.xml"  # which names the list
PAGE_NAMES = (".xhtml", ".html", ".htm", ".xht")
_NCX = "application/x-dtbncx+xml"
_PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")
_LIKE_PAGES = (*_PAGES, "image/svg+xml", "application/x-dtbook+xml", "application/xml", "text/xml", "text/plain")
_WITHOUT_TEXT = ("image/", "audio/", "video/", "font/")
_FALLBACKS = 8  # of one item, one behind the other


class Item(NamedTuple):
    """Hold one file of the list."""

    href: str
    kind: str = ""
    fallback: str = ""  # the id of the item that is read where this one is no page
    properties: str = ""

    @property
    def may_be_page(self) -> bool:
        is_named_so = self.href.partition("#")[0].lower().endswith(PAGE_NAMES)
        return not self.kind or self.kind in _LIKE_PAGES or is_named_so

    @property
    def is_page(self) -> bool:
        return self.kind in _PAGES or (not self.kind and self.href.partition("#")[0].lower().endswith(PAGE_NAMES))


class Package:
    """Receive the events of the list of files."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}  # by their ids
        self._spine: dict[str, bool] = {}  # ids, in the order they are read: they belong to the main text

    def start(self, tag: str, given: Attributes) -> None:
        if tag == "item" and "id" in given and "href" in given:
            kind = given.get("media-type", "").strip().lower()
            fallback, properties = given.get("fallback", "").strip(), given.get("properties", "")
            self.items[given["id"].strip()] = Item(given["href"].strip(), kind, fallback, properties)
        elif tag == "itemref" and "idref" in given:
            self._spine.setdefault(given["idref"].strip(), given.get("linear", "").strip() != "no")

    @property
    def has_order(self) -> bool:
        return bool(self._spine)

    @property
    def navigation(self) -> list[str]:
        """Return where the tables of contents are, the one of EPUB 3 first."""
        items = self.items.values()
        return [each.href for each in items if "nav" in each.properties.split()] + [
            each.href for each in items if each.kind == _NCX
        ]

    def ordered(self, main: bool) -> list[Item | str]:
        """Return the pages of the main text, or the others of the order; the id itself where nothing has that id.

        Among them are items of other kinds that no page replaces and that may hold text.
        """
        found: list[Item | str] = []
        for name in (name for name, is_main in self._spine.items() if is_main == main):
            item = self.items.get(name)
            for _ in range(_FALLBACKS):
                if item and not item.may_be_page:
                    item = self.items.get(item.fallback)
            if item and item.may_be_page:
                found.append(item)
            elif not (listed := self.items.get(name)):
                found.append(name)
            elif not listed.kind.startswith(_WITHOUT_TEXT):
                found.append(listed)
        return found

    def others(self) -> list[Item]:
        """Return the pages that may be in no order, save those that only replace another item."""
        replacing = {item.fallback for item in self.items.values()}
        return [item for name, item in self.items.items() if item.is_page and name not in replacing]

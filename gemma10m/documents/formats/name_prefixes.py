"""Tell which prefixes of elements' names are those of XHTML, SVG, MathML and EPUB."""

from __future__ import annotations

from gemma10m.documents.formats.xml_events import Attributes

_DECLARES = "xmlns:"
_READ = ("http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg", "http://www.w3.org/1998/math/mathml")
_EPUB = "http://www.idpf.org/2007/ops"
_KNOWN = (*_READ, _EPUB)
_MOST = 100  # prefixes that are kept
_USUAL = dict.fromkeys(("h", "html", "xhtml", "svg", "m", "math", "mml"), _READ[0]) | {"epub": _EPUB}


class Prefixes:
    """Hold what prefixes mean. `o:p` of Word is an element that no browser knows, and no paragraph."""

    def __init__(self) -> None:
        self._meant = dict(_USUAL)

    def of(self, name: str, given: Attributes | None = None) -> str:
        """Return an element's name without a prefix that is known, else as it is.

        given: may declare prefixes, which are read so to the page's end.
        """
        if given:
            self._declare(given)
        return self._meant_by(name) if ":" in name else name

    def _declare(self, given: Attributes) -> None:
        for name in given:
            if name.startswith(_DECLARES):
                prefix, what = name.removeprefix(_DECLARES), given[name].strip().lower()
                if prefix in self._meant or (what in _KNOWN and len(self._meant) < _MOST):
                    self._meant[prefix] = what if what in _KNOWN else ""

    def _meant_by(self, name: str) -> str:
        prefix, _, local = name.partition(":")
        what = self._meant.get(prefix)
        if what == _EPUB:
            return "epub:case" if local == "case" else local  # of a switch only the default is read
        return local if what in _READ else name

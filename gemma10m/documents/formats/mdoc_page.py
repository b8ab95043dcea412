"""Read manual pages in BSD's mdoc macros, which say what words are, and call one another in a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import takewhile
from typing import NamedTuple

from gemma10m.documents import limits
from gemma10m.documents.formats import mdoc_words as words
from gemma10m.documents.formats.troff_escapes import JOINED
from gemma10m.documents.formats.troff_page import TroffPage, arguments
from gemma10m.documents.spool import TextWriter

_KEPT = "\x1e"  # a space that is kept: a mark of our own, which is taken out of a page
# A run of spaces is looked at once, from its begin: from each space it would take time that grows with the square.
_JOINTS, _CELLS = re.compile(f"(?<! ) *(?:{JOINED} *)+"), re.compile("(?<! ) *\t *")
_BAR = re.compile(r"\\\*(?:\(Ba|\[Ba\])")
_AFTER, _BEFORE = set(".,:;)]?!"), set("([")  # signs that are joined to what is before them, or behind
_LINES = set("Ft Fn Fo In Fd Vt Cd".split())  # which begin a line of a synopsis
_AS_IT_IS = ("-literal", "-unfilled")
_DEEPEST = 50  # lists, displays and enclosures in one another


class _Token(NamedTuple):
    text: str
    is_plain: bool  # and not in quotes, where nothing is a macro or a sign

    @property
    def calls(self) -> bool:
        return self.is_plain and self.text in words.CALLED

    @property
    def ends(self) -> bool:
        return self.is_plain and self.text in _AFTER


class MdocPage(TroffPage):
    """Read mdoc's macros, mdoc(7)."""

    def __init__(self, writer: TextWriter) -> None:
        super().__init__(writer)
        self._name, self._section, self._last = "", "", ""  # that the page is about; the open one; macro before this
        self._lists: list[tuple[str, int]] = []  # open ones: their kinds, and the items so far
        self._displays: list[bool] = []  # open ones: is text filled around them?
        self._reference: dict[str, list[str]] = {}
        self._function: list[str] = []  # name and arguments of an open one
        self._enclosures = 0  # open ones of a line
        self._head_is_open = False  # that of a list's item, over several lines
        self._gap, self._is_joined = " ", False  # between words of a line; is the next line joined to this one?
        self._blocks: dict[str, Callable[[list[_Token]], None]] = {
            "Dt": self._title,
            "Pp": lambda _: self.end_paragraph(),
            "Lp": lambda _: self.end_paragraph(),
            "br": lambda _: self.end_paragraph(),
            "sp": lambda _: self.end_paragraph(),
            "Bl": self._open_list,
            "It": self._item,
            "El": self._close_list,
            "Bd": self._open_display,
            "Ed": self._close_display,
            "D1": self._line,
            "Dl": self._line,
            "Re": self._close_reference,
            "Sm": self._space,
            "Nd": lambda tokens: self._say("– " + self._said(tokens)),
        }

    def read(self, line: str) -> None:
        super().read(line.replace(_KEPT, ""))

    def shown(self, text: str) -> str:
        return _CELLS.sub("\t", _JOINTS.sub("", text)).replace(_KEPT, " ")

    def macro(self, name: str, rest: str) -> None:
        rest = _BAR.sub("|", rest)
        found = arguments(rest.replace("\t", " Ta ") if name == "It" else rest)
        tokens = [_Token(text, not is_quoted) for text, is_quoted in reversed(found)]
        if name in ("Sh", "Ss"):
            self._begin_section(name, self._said(tokens))
        elif name in ("nf", "fi"):
            self.end_paragraph()
            self.is_filled = name == "fi"
        elif name in self._blocks:
            self._blocks[name](tokens)
        elif name in words.SENTENCES:
            self._say(words.SENTENCES[name])
        elif name in words.ENDS:
            named = [token.text for token in reversed(tokens) if token.text != "-std"]
            self.end_paragraph()
            self._say(words.ending(name, named or ([self._name] if name == "Ex" else [])))
        elif name.startswith("%"):
            self._reference.setdefault(name[1:], []).append(self._said(tokens))
        elif name in words.CALLED:
            self._begin_line(name)
            self._say(self._said([*tokens, _Token(name, True)]))
        self._last = name

    # --- words of a line; `tokens` are in reverse, and the last is the next ---

    def _say(self, text: str) -> None:
        if not self.is_filled:
            self.add(text)
        elif text:
            self.words.append(JOINED + text if self._is_joined else text)
            self._is_joined = self._gap == JOINED

    def _said(self, tokens: list[_Token]) -> str:
        """Return the words of tokens, which are used up."""
        said = []
        while tokens:
            token = tokens.pop()
            said.append(self._called(token.text, tokens) if token.calls else self._word(token))
        return self._gap.join(filter(None, said))

    def _word(self, token: _Token) -> str:
        if token.ends:
            return JOINED + token.text
        if token.is_plain and token.text in _BEFORE:
            return token.text + JOINED
        return self.escapes.text(token.text).replace(" ", _KEPT)

    def _own(self, tokens: list[_Token]) -> list[str]:
        """Take the words up to the next macro or sign."""
        own = []
        while tokens and not tokens[-1].calls and not tokens[-1].ends:
            own.append(self._word(tokens.pop()))
        return own

    def _called(self, name: str, tokens: list[_Token]) -> str:
        if name in words.ENCLOSED:
            return self._enclosed(words.ENCLOSED[name], tokens)
        if name in words.OPENED:
            return words.OPENED[name] + JOINED if words.OPENED[name] else ""
        if name in words.CLOSED:
            return self._closed(name)
        if name == "Fl":
            return self._flags(tokens)
        if name in ("Ap", "Ns"):
            return JOINED + ("'" + JOINED if name == "Ap" else "")
        if name == "Ta":
            return "\t"
        if name == "Pf":
            return self.escapes.text(tokens.pop().text) + JOINED if tokens else ""
        if name == "Nm":
            own = self._gap.join(self._own(tokens))
            self._name = (self._name or own)[: limits.LABEL]
            return own or self._name
        if name in ("Fn", "Fo", "Fa", "Fc"):
            return self._function_part(name, tokens)
        return self._named(name, self._own(tokens))

    def _named(self, name: str, own: list[str]) -> str:
        """Return what a macro makes of its own words."""
        first, others = own[0] if own else "", own[1:]
        if name == "Xr":
            return f"{first}({others[0]})" if others else first
        if name == "In":
            return f"#include <{first}>" if self._section == "SYNOPSIS" else f"<{first}>"
        if name == "Lk":
            return f"{' '.join(others)}: {first}" if others else first
        if name == "Lb":
            return words.library_name(first)
        if name == "St":
            return " ".join((words.standard_name(first), *others))
        if name in words.SYSTEMS:
            return words.system_name(name, first, *others)
        if name == "An" and first in ("-split", "-nosplit"):
            return ""
        return self._gap.join(own) or words.SHOWN.get(name, "")

    def _enclosed(self, signs: str, tokens: list[_Token]) -> str:
        """Return the rest of the line in signs, with what ends the sentence behind them."""
        if self._enclosures == _DEEPEST:
            return ""
        self._enclosures += 1
        behind = [self._word(token) for token in takewhile(lambda token: token.ends, tokens)]
        del tokens[: len(behind)]
        joined = JOINED if tokens[:1] == [_Token("Ns", True)] else ""  # at the end it counts for what follows
        content = self._said(tokens)
        self._enclosures -= 1
        return JOINED.join((signs[0], content, signs[1], *reversed(behind))) + joined

    def _closed(self, name: str) -> str:
        if name == "Xc" and self._head_is_open:
            self._head_is_open = False
            return JOINED + _KEPT  # the text of the item begins
        return JOINED + words.CLOSED[name] if words.CLOSED[name] else ""

    def _flags(self, tokens: list[_Token]) -> str:
        if not tokens or tokens[-1].ends or tokens[-1].text == "|":
            return "-"
        if tokens[-1].calls:
            return "-" + JOINED
        said = []
        while tokens and not tokens[-1].calls:
            token = tokens.pop()
            is_sign = token.is_plain and (token.text in _AFTER or token.text in _BEFORE or token.text == "|")
            said.append(self._word(token) if is_sign else "-" + self.escapes.text(token.text))
        return self._gap.join(said)

    def _function_part(self, name: str, tokens: list[_Token]) -> str:
        own = self._own(tokens)
        if name == "Fo":
            self._function = own[:1]
            return ""
        if name == "Fa":
            if self._function:
                self._function += own
            return "" if self._function else " ".join(own)
        if name == "Fc":
            own, self._function = self._function, []
        end = ";" if self._section == "SYNOPSIS" else ""
        return f"{own[0]}({', '.join(own[1:])}){end}" if own else ""

    # --- blocks of lines ---

    def _title(self, tokens: list[_Token]) -> None:
        own = self._own(tokens)
        self.add(f"{own[0]}({own[1]})" if len(own) > 1 else "".join(own))
        self.end_paragraph()

    def _begin_section(self, name: str, title: str) -> None:
        self.is_filled = True
        self._lists.clear()
        self._displays.clear()
        self._section = title if name == "Sh" else self._section
        self.head(title)

    def _begin_line(self, name: str) -> None:
        """Begin a line in a synopsis where one begins: a function's after its type is the same."""
        if self._section != "SYNOPSIS" or (self._last == "Ft" and name in ("Fn", "Fo")):
            return
        if name in _LINES or (name == "Nm" and not self._lists):
            self.end_paragraph()

    def _open_list(self, tokens: list[_Token]) -> None:
        self.end_paragraph()
        kind = next((token.text for token in reversed(tokens) if token.text.startswith("-")), "")
        if len(self._lists) < _DEEPEST:
            self._lists.append((kind, 0))

    def _item(self, tokens: list[_Token]) -> None:
        self.end_paragraph()
        kind, count = self._lists.pop() if self._lists else ("", 0)
        self._lists.append((kind, count + 1))
        if kind == "-column":
            self._say(self._said(tokens))
        elif kind == "-enum" or kind in words.MARKS:
            self.words += [f"{count + 1}.", ""] if kind == "-enum" else [words.MARKS[kind], ""]
        elif tokens:
            names = [token.text for token in tokens if token.calls]
            self._head_is_open = "Xo" in names and "Xc" not in names
            self.words += [self._said(tokens), *([] if self._head_is_open else [""])]

    def _close_list(self, tokens: list[_Token]) -> None:
        self.end_paragraph()
        del self._lists[-1:]

    def _open_display(self, tokens: list[_Token]) -> None:
        self.end_paragraph()
        if len(self._displays) < _DEEPEST:
            self._displays.append(self.is_filled)
        self.is_filled = not any(token.text in _AS_IT_IS for token in tokens)

    def _close_display(self, tokens: list[_Token]) -> None:
        self.end_paragraph()
        self.is_filled = self._displays.pop() if self._displays else True

    def _line(self, tokens: list[_Token]) -> None:
        self.end_paragraph()
        self._say(self._said(tokens))
        self.end_paragraph()

    def _close_reference(self, tokens: list[_Token]) -> None:
        """Say the parts of a reference in their usual order."""
        authors = self._reference.pop("A", [])
        self._reference["A"] = [words.listed(authors)]
        if self._reference.keys() & {"B", "J"}:  # the title is of a part
            self._reference["T"] = [f"“{title}”" for title in self._reference.get("T", ())]
        parts = [part for name in words.REFERENCE for part in self._reference.get(name, ()) if part]
        self._reference.clear()
        if parts:
            self._say(", ".join(parts) + ".")

    def _space(self, tokens: list[_Token]) -> None:
        is_spaced = tokens[-1].text != "off" if tokens else self._gap == JOINED
        self._gap = " " if is_spaced else JOINED
        self._is_joined = False

"""Read mail: who wrote what to whom and when, and the text. Attachments are named, and calendar entries summarised."""

from __future__ import annotations

import codecs
import email
import re
from collections.abc import Iterator
from email.errors import HeaderParseError, MissingHeaderBodySeparatorDefect
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from itertools import chain, pairwise

from gemma10m.documents import limits
from gemma10m.documents.budget import BombError, Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.detect import MAIL_LENGTH
from gemma10m.documents.formats.charset import decode_labelled
from gemma10m.documents.formats.mail_alternatives import is_page_better
from gemma10m.documents.formats.mail_parts import (
    appointment,
    enriched,
    payload,
    rich,
    transfer_encoding,
    unflowed,
    without_files,
)
from gemma10m.documents.formats.page_text import page_text
from gemma10m.documents.safe_open import BLOCK, UnreadableError
from gemma10m.documents.spool import Spool, TextWriter

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_LONGEST_HEADER = 4000  # characters
_DEEPEST = 20  # messages and parts in one another
_MOST_PARTS = 1000
_MESSAGES = ("message/rfc822", "message/global", "message/partial")  # other kinds hold nothing but headers
_NOT_SHOWN = ("text/css", "text/javascript", "text/ecmascript", "text/x-javascript")
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[bq]\?.*?\?=", re.IGNORECASE)
_DAMAGED = "=\t?"  # before an encoded word that cannot be decoded: a header on one line has no tab of its own
_FROM = re.compile(rb"From \S+ [^\n]{0,200}\d")  # in a file that is a mailbox
_NEXT = re.compile(
    rb">?(?:Return-Path|Received|From|To|Cc|Date|Subject|Message-ID|Delivered-To|MIME-Version|Reply-To|Sender|Status"
    rb"|Content-[A-Za-z-]+|X-[\w-]+):|>From ",
    re.IGNORECASE,
)
_UNCHANGED = compat32.clone(mangle_from_=False, max_line_length=None)
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError, HeaderParseError)


def write_mail(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a mail or a mailbox. Raises `UnreadableError` and `DiskError`."""
    content = _without_properties(content)
    mailbox = content.head().removeprefix(codecs.BOM_UTF8).startswith(b"From ")
    for number, (message, is_whole) in enumerate(_messages(content, mailbox), start=1):
        if number > 1:
            writer.write("\n")
        if mailbox:
            writer.place(f"message {number}")
        if not is_whole:
            writer.note(f"message {number} is longer than {limits.LARGEST_WHOLE >> 20} MiB: its end is not read")
        try:
            _Mail(writer, f"message {number}").message(email.message_from_bytes(message, policy=compat32), 0)
        except BombError:
            raise
        except (UnreadableError, *_BROKEN):
            writer.note(f"message {number} is damaged: it is not read whole")
    if writer.blank:
        raise UnreadableError("an email message without text")


def _without_properties(content: Content) -> Content:
    """Return the message in a file of Apple Mail, which has the mail's properties behind it."""
    length = MAIL_LENGTH.match(content.head())
    if not length:
        return content
    rest = content.size() - length.end()
    return Content(content.open, content.start + length.end(), min(int(length[0]), rest))


def _messages(content: Content, mailbox: bool) -> Iterator[tuple[bytes, bool]]:
    """Yield the messages, cut where they are too long for memory; in a mailbox each begins with a line `From `."""
    message, is_whole, after_blank = bytearray(), True, True
    for line, following in pairwise(chain(_lines(content), [b""])):
        if mailbox and after_blank and _FROM.match(line) and _NEXT.match(following):
            if message:
                yield bytes(message), is_whole
            message, is_whole = bytearray(), True
        elif not (mailbox or message or line.strip()):
            continue  # what precedes the headers would end them
        elif len(message) + len(line) > limits.LARGEST_WHOLE:
            is_whole = False
        else:
            message += line[1:] if mailbox and line.startswith(b">From ") else line
        after_blank = not line.strip()
    if message:
        yield bytes(message), is_whole


def _lines(content: Content) -> Iterator[bytes]:
    with content.descriptor() as descriptor:
        file, rest = ContentFile(content, descriptor), b""
        if content.head().startswith(codecs.BOM_UTF8):
            file.seek(len(codecs.BOM_UTF8))
        while block := file.read(BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            yield from (line + b"\n" for line in lines)
            if len(rest) > BLOCK:
                yield rest
                rest = b""
        if rest:
            yield rest


class _Mail:
    """Write the text of one message."""

    def __init__(self, writer: TextWriter, name: str) -> None:
        self._writer, self._name = writer, name
        self._attached: list[str] = []
        self._shown: list[Message] = []  # the texts of the open message that are not attachments
        self._parts = 0

    def message(self, message: Message, depth: int) -> None:
        """Write the message. Raises `UnreadableError`, and what the standard library raises for broken parts."""
        raw = {name.lower(): value for name, value in reversed([*message.raw_items()])}  # of several the first
        for name in _HEADERS:
            if value := self._decoded(raw.get(name.lower())):
                self._writer.write(f"{name}: {value}\n")
        self._writer.write("\n")
        outer = self._attached, self._shown
        self._attached, self._shown = [], _texts(message)
        self._part(message, depth)
        if self._attached:
            self._writer.write(f"Attachments: {', '.join(self._attached)}\n")
            self._writer.note("attachments of mail are not read, only named")
        self._attached, self._shown = outer

    def _part(self, part: Message, depth: int, is_chosen: bool = True) -> None:
        """Write a part; of one that is not the chosen alternative, list only the attachments."""
        self._parts += 1
        kind = part.get_content_type()
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            raise UnreadableError("its parts lie too deep in one another")
        children = _children(part)
        if kind in _MESSAGES:
            for child in self._unpacked(part, children):
                self._writer.write("\n")
                self.message(child, depth + 1)
        elif part.get_content_maintype() == "message":
            self._report(children)
        elif children:
            chosen = self._chosen(children) if kind == "multipart/alternative" else None
            for child in children:
                self._part(child, depth + 1, is_chosen and chosen in (None, child))
        elif part.get_content_maintype() == "multipart":
            self._writer.note(f"a part of {self._name} is damaged: its own parts are not found, and it is read as text")
            self._write_text(part)
        elif part not in self._shown:
            self._attached += self._attachment(part)
        elif is_chosen:
            self._write_text(part)

    def _unpacked(self, part: Message, children: list[Message]) -> list[Message]:
        """Return the messages in a part; of one that is encoded, the parser has made a message of the code."""
        if not children or transfer_encoding(part) not in ("base64", "quoted-printable"):
            return children
        coded = Message(policy=compat32)
        coded["content-transfer-encoding"] = transfer_encoding(part)
        code = b"".join(child.as_bytes(policy=_UNCHANGED) for child in children).lstrip()
        if children[0].keys() and any(
            isinstance(each, MissingHeaderBodySeparatorDefect) for each in children[0].defects
        ):
            code = code.replace(b"\n\n", b"\n", 1)  # the code of a header has several lines
        coded.set_payload(code.decode("ascii", "surrogateescape"))
        return [email.message_from_bytes(self._payload(coded), policy=compat32)]

    def _report(self, blocks: list[Message]) -> None:
        """Write what a mail server reports of a delivery: recipient, status, diagnosis."""
        for block in blocks:
            lines = [f"{name}: {self._decoded(value)}\n" for name, value in block.raw_items()]
            self._writer.write("".join(["\n", *lines]) if lines else "")

    def _attachment(self, part: Message) -> list[str]:
        """Return the line for an attachment, and none for a page's style sheet or script."""
        kind, name = part.get_content_type(), self._decoded(part.get_filename())
        if kind in _NOT_SHOWN and not name:
            return []
        told = appointment(self._decoded_text(part)) if kind == "text/calendar" else ""
        return [f"{': '.join(filter(None, (name, told))) or 'without a name'} ({kind})"]

    def _chosen(self, alternatives: list[Message]) -> Message:
        """Return the first alternative that holds plain text which is not empty, else the last page, else the last
        text; but the last page where the plain text lacks most of its words, or a table.
        """
        held = [(each, {body.get_content_type() for body in self._bodies(each)}) for each in alternatives]
        plain = [each for each, kinds in held if "text/plain" in kinds]
        pages = [each for each, kinds in held if "text/html" in kinds]
        texts = [each for each, kinds in held if kinds]
        if plain and pages and is_page_better(self._shown_text(plain[0]), self._shown_text(pages[-1])):
            return pages[-1]
        return (plain[:1] or pages[-1:] or texts[-1:] or alternatives[-1:])[0]

    def _bodies(self, part: Message) -> list[Message]:
        """Return the texts in a part that are not empty."""
        return [each for each in _leaves(part) if each in self._shown and payload(each)[0].strip()]

    def _shown_text(self, part: Message) -> str:
        """Return the texts in a part, whose notices are of use only where it is chosen."""
        reader = _Mail(TextWriter(Spool()), self._name)
        try:
            return "\n".join("".join(reader._text(each)) for each in self._bodies(part))
        except (UnreadableError, *_BROKEN):
            return ""

    def _write_text(self, part: Message) -> None:
        last = ""
        for last in self._text(part):
            self._writer.write(last)
        self._writer.write("" if last.endswith("\n") else "\n")

    def _text(self, part: Message) -> Iterator[str]:
        if part.get_content_type() == "text/html":
            charset = part.get_content_charset()
            page = (
                codecs.BOM_UTF8 + self._decoded_text(part).encode("utf-8", "replace")
                if charset
                else self._payload(part)
            )
            return iter([page_text(page, self._writer)])  # a page without a charset says it itself
        text, names = without_files(self._decoded_text(part))
        self._attached += [f"{name} (uuencoded)" for name in names]
        if part.get_content_type() == "text/enriched":
            return iter([enriched(text)])
        if part.get_content_type() == "text/richtext":
            return iter([rich(text)])
        if str(part.get_param("format", "")).lower() == "flowed":
            return unflowed(text, str(part.get_param("delsp", "")).lower() == "yes")
        return iter([text])

    def _decoded_text(self, part: Message) -> str:
        data, charset = self._payload(part), part.get_content_charset() or ""
        return decode_labelled(data, charset, self._writer, f"a part of {self._name}").replace("\r\n", "\n")

    def _decoded(self, value: object) -> str:
        """Return a header's value on one line."""
        data = str(value or "")[:_LONGEST_HEADER].encode("utf-8", "surrogateescape")
        raw = " ".join(decode_labelled(data, "", self._writer, f"a header of {self._name}").split())
        try:
            words = "".join(self._word(*word) for word in decode_header(_ENCODED_WORD.sub(_kept_if_damaged, raw)))
        except _BROKEN:
            return raw
        return " ".join(words.replace(_DAMAGED, "=?").split())

    def _word(self, word: bytes | str, charset: str | None) -> str:
        """Return a word of a header; the library gives those that are not encoded as it holds them itself."""
        if isinstance(word, str):
            return word
        if charset:
            return decode_labelled(word, charset, self._writer)
        try:
            return word.decode("raw-unicode-escape")
        except UnicodeDecodeError:  # a text with a backslash and a "u" of its own
            return word.decode("latin-1")

    def _payload(self, part: Message) -> bytes:
        data, wrong = payload(part)
        if wrong:
            self._writer.note(f"a part of {self._name} {wrong}")
        return data


def _kept_if_damaged(word: re.Match[str]) -> str:
    """Return an encoded word; of one that the library cannot decode, a form that it takes for plain text."""
    try:
        decode_header(word[0])
    except _BROKEN:
        return word[0].replace("=?", _DAMAGED, 1)
    return word[0]


def _texts(message: Message) -> list[Message]:
    """Return the parts that are shown as text, with a name only if they are inline or no text is without one."""
    texts = [each for each in _leaves(message) if _is_text(each)]
    return [each for each in texts if each.get_content_disposition() == "inline" or not each.get_filename()] or texts


def _is_text(part: Message) -> bool:
    is_shown = part.get_content_type() not in ("text/calendar", *_NOT_SHOWN)
    return part.get_content_maintype() == "text" and is_shown and part.get_content_disposition() != "attachment"


def _leaves(part: Message) -> list[Message]:
    """Return the parts of a part that have none of their own; a message in it keeps its own."""
    found, open_parts = list[Message](), [part]
    while open_parts and len(found) < _MOST_PARTS:
        each = open_parts.pop()
        if each.get_content_maintype() == "multipart" and (children := _children(each)):
            open_parts += reversed(children)
        else:
            found.append(each)
    return found


def _children(part: Message) -> list[Message]:
    return [each for each in part.get_payload() if isinstance(each, Message)] if part.is_multipart() else []

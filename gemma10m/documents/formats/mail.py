"""Mail: who wrote what to whom and when, and the text; of a mailbox, message by message. Attachments are named."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32

from gemma10m.documents import limits
from gemma10m.documents.budget import BombError, Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.formats.html_text import write_html
from gemma10m.documents.safe_open import BLOCK, UnreadableError
from gemma10m.documents.spool import Spool, TextWriter
from gemma10m.documents.text import decoder

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_LONGEST_HEADER = 4000  # characters
_DEEPEST = 20  # messages and parts in one another
_MOST_PARTS = 1000
_FROM = re.compile(rb"From \S+ [^\n]*\d")
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError, HeaderParseError)


def write_mail(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a mail or a mailbox. Raises `UnreadableError` and `DiskError`."""
    mailbox = content.head().startswith(b"From ")
    for number, (message, is_whole) in enumerate(_messages(content, mailbox), start=1):
        if number > 1:
            writer.write("\n")
        if mailbox:
            writer.place(f"message {number}")
        if not is_whole:
            writer.note(f"message {number} is longer than {limits.LARGEST_WHOLE >> 20} MiB: its end is not read")
        try:
            _Mail(writer, budget).message(email.message_from_bytes(message, policy=compat32), 0)
        except BombError:
            raise
        except (UnreadableError, *_BROKEN):
            writer.note(f"message {number} is damaged: it is not read whole")
    if writer.blank:
        raise UnreadableError("a mail without text")


def _messages(content: Content, mailbox: bool) -> Iterator[tuple[bytes, bool]]:
    """Yield the messages, cut where they are too long for memory; in a mailbox each begins with a line `From `."""
    message, is_whole, after_blank = bytearray(), True, True
    for line in _lines(content):
        if mailbox and after_blank and _FROM.match(line):
            if message:
                yield bytes(message), is_whole
            message, is_whole = bytearray(), True
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
        while block := file.read(BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            yield from (line + b"\n" for line in lines)
            if len(rest) > BLOCK:
                yield rest
                rest = b""
        if rest:
            yield rest


class _Mail:
    """The text of one message."""

    def __init__(self, writer: TextWriter, budget: Budget) -> None:
        self._writer, self._budget = writer, budget
        self._attached: list[str] = []
        self._parts = 0

    def message(self, message: Message, depth: int) -> None:
        raw = {name.lower(): value for name, value in reversed([*message.raw_items()])}  # of several the first
        for name in _HEADERS:
            if value := _decoded(raw.get(name.lower())):
                self._writer.write(f"{name}: {value}\n")
        self._writer.write("\n")
        self._part(message, depth)
        if self._attached:
            self._writer.write(f"Attachments: {', '.join(self._attached)}\n")
            self._writer.note("attachments of mail are not read, only named")
            self._attached = []

    def _part(self, part: Message, depth: int) -> None:
        self._parts += 1
        kind, name = part.get_content_type(), _decoded(part.get_filename())
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            raise UnreadableError("its parts lie too deep in one another")
        children = [each for each in part.get_payload() if isinstance(each, Message)] if part.is_multipart() else []
        if kind == "message/rfc822":
            for child in children:
                self._writer.write("\n")
                self.message(child, depth + 1)
        elif kind == "multipart/alternative":
            self._alternative(children, depth)
        elif children:
            for child in children:
                self._part(child, depth + 1)
        elif part.get_content_disposition() == "attachment" or name or part.get_content_maintype() != "text":
            self._attached.append(f"{name or 'without a name'} ({kind})")
        else:
            text = self._text(part)
            self._writer.write(text if text.endswith("\n") else text + "\n")

    def _alternative(self, children: list[Message], depth: int) -> None:
        """Return the plain part among several formats of one text, unless it is empty."""
        plain = [each for each in children if each.get_content_type() == "text/plain" and _payload(each).strip()]
        rich = [each for each in children if each.get_content_type() != "text/plain"]
        for child in plain[:1] or rich[-1:]:
            self._part(child, depth + 1)

    def _text(self, part: Message) -> str:
        data, charset = _payload(part), part.get_content_charset()
        if part.get_content_type() != "text/html":
            return _text(data, charset).replace("\r\n", "\n")
        page = b"\xef\xbb\xbf" + _text(data, charset).encode() if charset else data  # which then says it itself
        writer = TextWriter(Spool())  # its headings are no places of the mail
        write_html(Spool().keep([page]), writer, self._budget)
        return writer.finish()[0].whole("a page").decode()


def _payload(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _text(data: bytes, charset: str | None) -> str:
    """Decode a part by the charset it names, else as UTF-8 or Windows-1252."""
    for each, errors in ((charset or "utf-8", "replace" if charset else "strict"), ("utf-8", "strict")):
        try:
            return data.decode(each, errors)
        except (LookupError, ValueError):
            continue
    return decoder("cp1252").decode(data, True)


def _decoded(value: object) -> str:
    """Return a header's value on one line."""
    data = str(value or "")[:_LONGEST_HEADER].encode("utf-8", "surrogateescape")
    raw = " ".join(_text(data, None).split())
    try:
        return " ".join(str(make_header(decode_header(raw))).split())
    except _BROKEN:
        return raw

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
from itertools import chain, islice, pairwise

from gemma10m.documents import limits
from gemma10m.documents.budget import BombError, Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.formats.charset import decode_labelled
from gemma10m.documents.formats.mail_parts import appointment, payload, transfer_encoding, unflowed
from gemma10m.documents.formats.page_text import page_text
from gemma10m.documents.safe_open import BLOCK, UnreadableError
from gemma10m.documents.spool import TextWriter

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_LONGEST_HEADER = 4000  # characters
_DEEPEST = 20  # messages and parts in one another
_MOST_PARTS = 1000
_MESSAGES = ("message/rfc822", "message/global", "message/partial")  # other kinds hold nothing but headers
_NOT_SHOWN = ("text/css", "text/javascript", "text/ecmascript", "text/x-javascript")
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
        self._parts = 0

    def message(self, message: Message, depth: int) -> None:
        """Write the message. Raises `UnreadableError`, and what the standard library raises for broken parts."""
        raw = {name.lower(): value for name, value in reversed([*message.raw_items()])}  # of several the first
        for name in _HEADERS:
            if value := self._decoded(raw.get(name.lower())):
                self._writer.write(f"{name}: {value}\n")
        self._writer.write("\n")
        outer, self._attached = self._attached, []
        self._part(message, depth)
        if self._attached:
            self._writer.write(f"Attachments: {', '.join(self._attached)}\n")
            self._writer.note("attachments of mail are not read, only named")
        self._attached = outer

    def _part(self, part: Message, depth: int, is_chosen: bool = True) -> None:
        """Write a part; of one that is not the chosen alternative, list only the attachments."""
        self._parts += 1
        kind = part.get_content_type()
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            raise UnreadableError("its parts lie too deep in one another")
        children = [each for each in part.get_payload() if isinstance(each, Message)] if part.is_multipart() else []
        if kind in _MESSAGES:
            for child in self._unpacked(part, children):
                self._writer.write("\n")
                self.message(child, depth + 1)
        elif part.get_content_maintype() == "message":
            self._report(children)
        elif children:
            chosen = _chosen(children) if kind == "multipart/alternative" else None
            for child in children:
                self._part(child, depth + 1, is_chosen and chosen in (None, child))
        elif part.get_content_maintype() == "multipart":
            self._writer.note(f"a part of {self._name} is damaged: its own parts are not found, and it is read as text")
            self._write_text(part)
        elif not _is_body(part):
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

    def _write_text(self, part: Message) -> None:
        if part.get_content_type() == "text/html":
            charset = part.get_content_charset()
            page = (
                codecs.BOM_UTF8 + self._decoded_text(part).encode("utf-8", "replace")
                if charset
                else self._payload(part)
            )
            texts = iter([page_text(page, self._writer)])  # a page without a charset says it itself
        elif str(part.get_param("format", "")).lower() == "flowed":
            texts = unflowed(self._decoded_text(part), str(part.get_param("delsp", "")).lower() == "yes")
        else:
            texts = iter([self._decoded_text(part)])
        last = ""
        for last in texts:
            self._writer.write(last)
        self._writer.write("" if last.endswith("\n") else "\n")

    def _decoded_text(self, part: Message) -> str:
        data, charset = self._payload(part), part.get_content_charset() or ""
        return decode_labelled(data, charset, self._writer, f"a part of {self._name}").replace("\r\n", "\n")

    def _decoded(self, value: object) -> str:
        """Return a header's value on one line."""
        data = str(value or "")[:_LONGEST_HEADER].encode("utf-8", "surrogateescape")
        raw = " ".join(decode_labelled(data, "", self._writer, f"a header of {self._name}").split())
        try:
            return " ".join("".join(self._word(*word) for word in decode_header(raw)).split())
        except _BROKEN:
            return raw

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


def _is_body(part: Message) -> bool:
    """Tell if a part without parts is shown as text, and is not an attachment."""
    is_named = part.get_content_disposition() == "attachment" or part.get_filename()
    is_shown = part.get_content_type() not in ("text/calendar", *_NOT_SHOWN)
    return part.get_content_maintype() == "text" and is_shown and not is_named


def _chosen(alternatives: list[Message]) -> Message:
    """Return the first alternative that holds plain text which is not empty, else the last page, else the last text."""
    held = [(each, {body.get_content_type() for body in _bodies(each)}) for each in alternatives]
    plain = [each for each, kinds in held if "text/plain" in kinds]
    pages = [each for each, kinds in held if "text/html" in kinds]
    texts = [each for each, kinds in held if kinds]
    return (plain[:1] or pages[-1:] or texts[-1:] or alternatives[-1:])[0]


def _bodies(part: Message) -> list[Message]:
    """Return the texts in a part that are not empty."""
    leaves = (each for each in islice(part.walk(), _MOST_PARTS) if not each.is_multipart())
    return [each for each in leaves if _is_body(each) and payload(each)[0].strip()]

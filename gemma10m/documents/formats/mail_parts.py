"""Decode one part of a mail: its transfer encoding, text whose lines flow or that has tags, entries of a calendar."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from email.message import Message

_KNOWN = ("", "7bit", "8bit", "binary", "quoted-printable", "x-uuencode", "uuencode", "uue", "x-uue")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]")
_NOT_QUOTED = re.compile("=(?![0-9A-Fa-f]{2}|[ \t]*\r?(?:\n|\\Z))")
_PADDED = re.compile("=[ \t]+(?=\r?(?:\n|\\Z))")
_FLOWING = re.compile(r"(>*) ?([^\n]*)(\n|\Z)")
_UUENCODED = re.compile(r"^begin [0-7]{3,4} ([^\n]{1,200})\n(?:[ -`]{0,62}\n)+end[ \t]*(?:\n|\Z)", re.MULTILINE)
_FILLING = re.compile("</?nofill>", re.IGNORECASE)
_ENRICHED = re.compile(r"<param>[^<]*</param>|</?[a-z][a-z\d-]{0,60}>", re.IGNORECASE)
_COMMENT = re.compile(r"<comment>.*?(?:</comment>|\Z)", re.IGNORECASE)
_NEW_LINE = re.compile(r"<(?:nl|np|/?paragraph)>", re.IGNORECASE)
_LESS = re.compile("<lt>", re.IGNORECASE)
_LINE_ENDS = re.compile(r"\n+")
_SIGNATURE = "-- "
_ENTRY = re.compile(r'^(SUMMARY|DTSTART|LOCATION)((?:;(?:"[^"\n]*"|[^":\n])*)?):([^\n]*)', re.MULTILINE)
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d*)?(Z?)")
_ZONE = re.compile(r';TZID="?([^";]+)')


def payload(part: Message) -> tuple[bytes, str]:
    """Return a part's bytes, decoded as far as they can be, and what is wrong with them, or ""."""
    encoding = transfer_encoding(part)
    if encoding == "base64":
        return _from_base64(str(part.get_payload() or "").encode("ascii", "replace"))
    if encoding:
        part.replace_header("content-transfer-encoding", encoding)  # which the library compares as it is
    written = str(part.get_payload() or "")
    if encoding == "quoted-printable" and written.isascii():
        part.set_payload(_PADDED.sub("=", written))  # what transport added after a soft line break: RFC 2045, 6.7 (3)
    found, wrong = part.get_payload(decode=True), ""
    if encoding not in _KNOWN:
        wrong = f"has an unknown transfer encoding ({encoding[:40]}) and is not decoded"
    elif encoding == "quoted-printable" and _NOT_QUOTED.search(written):
        wrong = "is damaged: its quoted-printable is decoded as far as possible"
    return found if isinstance(found, bytes) else b"", wrong


def transfer_encoding(part: Message) -> str:
    """Return the name of a part's transfer encoding, without what some programs write around it."""
    return str(part.get("content-transfer-encoding", "")).strip(" \t\r\n;\"'").lower()


def _from_base64(data: bytes) -> tuple[bytes, str]:
    try:
        return base64.b64decode(b"".join(data.split()), validate=True), ""
    except binascii.Error:
        wrong = "is damaged: its base64 is decoded as far as possible"
    kept = _NOT_BASE64.sub(b"", data)
    try:
        return binascii.a2b_base64(kept + b"=="), wrong
    except binascii.Error:  # one character is left over
        return binascii.a2b_base64(kept.rstrip(b"=")[:-1] + b"=="), wrong


def unflowed(text: str, deletes_space: bool) -> Iterator[str]:
    """Yield a text of `format=flowed` in parts, with each paragraph on one line (RFC 3676)."""
    flows, before, number = False, "", 0
    for number, line in enumerate(_FLOWING.finditer(text)):
        quote, words, end = line.groups()
        if not (quote or words or end):
            break
        is_signature = words == _SIGNATURE
        if not flows or quote != before or is_signature:
            yield ("\n" if number else "") + (f"{quote} " if quote else "")
        flows, before = words.endswith(" ") and not is_signature, quote
        yield words[:-1] if flows and deletes_space else words
    yield "\n" if number else ""


def without_files(text: str) -> tuple[str, list[str]]:
    """Return a text without the uuencoded files in it, and their names."""
    return _UUENCODED.sub("", text), [" ".join(name.split()) for name in _UUENCODED.findall(text)]


def rich(text: str) -> str:
    """Return the words of a text/richtext (RFC 1341), which names the ends of its lines and the sign `<`."""
    text = _NEW_LINE.sub("\0", _COMMENT.sub("", text.replace("\n", " ")))
    return re.sub(" *\0 *", "\n", "<".join(_ENRICHED.sub("", part) for part in _LESS.split(text))).rstrip()


def enriched(text: str) -> str:
    """Return the words of a text/enriched (RFC 1896): one end of a line is a space there, and `<<` is `<`."""
    parts = _FILLING.split(text.rstrip("\n"))
    parts[::2] = [_LINE_ENDS.sub(lambda ends: ends[0][1:] or " ", part) for part in parts[::2]]
    return "<".join(_ENRICHED.sub("", part) for part in "".join(parts).split("<<"))


def appointment(calendar: str) -> str:
    """Return the summary, start and place of a calendar's first entry, as far as it has them."""
    entries = re.sub(r"\r?\n[ \t]", "", calendar).partition("BEGIN:VEVENT")[2]
    found: dict[str, str] = {}
    for name, options, value in _ENTRY.findall(entries):
        if name == "DTSTART" and (time := _TIME.match(value)):
            year, month, day, hour, minute, utc = time.groups()
            zone = _ZONE.search(options)
            value = f"{year}-{month}-{day}" + (f" {hour}:{minute}" if hour else "")
            value += " UTC" if utc else f" {zone[1]}" if zone else ""
        found.setdefault(name, _unescaped(value))
    return "; ".join(found[name] for name in ("SUMMARY", "DTSTART", "LOCATION") if found.get(name))


def _unescaped(value: str) -> str:
    plain = re.sub(r"\\(.)", lambda escaped: " " if escaped[1] in "nN" else escaped[1], value)
    return " ".join(plain.split())

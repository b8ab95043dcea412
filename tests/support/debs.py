"""Debian packages for tests: made here, small, and as wrong as a test wants them."""

from __future__ import annotations

import io
import lzma
import struct
import tarfile
import zlib

from prose.packages import AUSTEN, BIBLE

NOVELS = {
    "EMMA": ["EMMA", "", "Emma Woodhouse, handsome, clever, and rich"],
    "MANSFIELD PARK": ["MANSFIELD PARK", "About thirty years ago"],
    "NORTHANGER ABBEY": ["NORTHANGER ABBEY", "No one who had ever seen Catherine"],
    "Persuasion": ["Persuasion", "", "Sir Walter Elliot, of Kellynch Hall — a man who"],
    "PRIDE AND PREJUDICE": ["PRIDE AND PREJUDICE", "It is a truth"],
    "SENSE AND SENSIBILITY": ["SENSE AND SENSIBILITY", "The family of Dashwood"],
}
VERSES = "Edition.\nGe1:1 In the beginning.\nGe1:2 And the earth.\nGe2:1 Thus.\n1Sm1:1 Now there was a man.\n"


def r_record(lines: list[str], kind: int = 16) -> bytes:
    strings = [line.encode() for line in lines]
    body = b"".join(struct.pack(">Ii", 0x00040009, len(string)) + string for string in strings)
    return (
        b"X\n" + struct.pack(">iiiI", 3, 0x040201, 0x030500, 5) + b"UTF-8" + struct.pack(">II", kind, len(lines)) + body
    )


def rdb(records: list[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(record)) + zlib.compress(record) for record in records)


def compressed(text: bytes) -> bytes:
    """Unix compress's codes without its header, the table cleared at the end."""
    table = {bytes((byte,)): byte for byte in range(256)}
    groups: list[list[int]] = [[]]  # of codes of 9, 10, ... bits
    word = b""
    for byte in text:
        longer = word + bytes((byte,))
        if longer not in table:
            groups[-1].append(table[word])
            if len(table) + 1 == 256 << len(groups):
                groups.append([])
            table[longer] = len(table) + 1  # 256 is the code that clears
            longer = longer[-1:]
        word = longer
    groups[-1].append(table[word])
    if len(table) + 1 == 256 << len(groups):
        groups.append([])
    groups[-1].append(256)
    return b"".join(packed(group, 9 + number) for number, group in enumerate(groups))


def packed(codes: list[int], width: int) -> bytes:
    """Pack the lowest bits first, filled up to eight codes."""
    codes = codes + [0] * (-len(codes) % 8)
    return sum(code << width * place for place, code in enumerate(codes)).to_bytes(len(codes) * width // 8, "little")


def bible(text: bytes, window: int = 1 << 16) -> bytes:
    windows = [compressed(text[at : at + window]) for at in range(0, len(text), window)]
    first = 92 + 4 * (len(windows) + 1) + 3
    bounds = [first + sum(map(len, windows[:number])) for number in range(len(windows) + 1)]
    header = b"EC02Compressed Data File".ljust(84, b"\0") + struct.pack(">II", window, len(windows))
    return header + struct.pack(f">{len(bounds)}I", *bounds) + b"\x1f\x9d\x90" + b"".join(windows)


def tar(files: dict[str, bytes], **changes: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in changes.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def ar(entries: dict[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, content in entries.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}".encode() + b"`\n" + content
        out += b"\n" * (len(content) % 2)
    return out


def deb(name: str, data_tar: bytes, version: str = "1.0") -> bytes:
    control = f"Package: {name}\nVersion: {version}\nDescription: books\n some: words\n".encode()
    entries = {"debian-binary": b"2.0\n", "control.tar.xz": lzma.compress(tar({"./control": control}))}
    return ar({**entries, "data.tar.xz": lzma.compress(data_tar)})


def austen_deb(novels: dict[str, list[str]] = NOVELS) -> bytes:
    content = rdb([r_record(["pi"], kind=13), *map(r_record, novels.values())])
    return deb(AUSTEN.name, tar({"./usr/README": b"read me", f"./{AUSTEN.member}": content}))


def bible_deb(text: str = VERSES, window: int = 1 << 16) -> bytes:
    return deb(BIBLE.name, tar({f"./{BIBLE.member}": bible(text.encode(), window)}))

"""Damaged and forged state files: each is refused with a StateError that says what was found."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from states import expectation, random_state, sample_document, sample_header, small_config

from gemma10m.config import ReadingConfig
from gemma10m.errors import StateError
from gemma10m.state_file import is_state_file, load_state, read_header, save_state

CONFIG = small_config(layers=1, kv_heads=1, head_size=2)
READING = ReadingConfig("gated", segment=4, carry=4, sinks=1)
POSITION = 6
HEADER = sample_header(CONFIG, READING, POSITION, "bfloat16")
EXPECT = expectation(CONFIG, HEADER)
ZEROS = "0" * 64


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "state"
    save_state(path, random_state(CONFIG, READING, POSITION, "bfloat16"), HEADER)
    return path.read_bytes()


def refusal(path: Path) -> StateError:
    with pytest.raises(StateError) as error:
        load_state(path, expect=EXPECT)
    assert str(path) in error.value.message
    assert error.value.hint
    assert len(error.value.message) < 400 + len(str(path))
    return error.value


def test_every_changed_byte_is_refused(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(good)
    load_state(path, expect=EXPECT)
    with open(path, "r+b", buffering=0) as file:
        for at in range(len(good)):
            for flip in (1 << (at % 8), 0xFF):
                os.pwrite(file.fileno(), bytes([good[at] ^ flip]), at)
                refusal(path)
            os.pwrite(file.fileno(), good[at : at + 1], at)
    load_state(path, expect=EXPECT)


def test_every_truncation_is_refused(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(good)
    sentences = set()
    for length in reversed(range(len(good))):
        os.truncate(path, length)
        sentences.add(re.sub(r"\d+", "n", refusal(path).message.removeprefix(str(path))))
        if length > 64:
            assert is_state_file(path)
            with pytest.raises(StateError, match="is cut short"):
                read_header(path)
    assert sentences == {
        " is not a saved state",
        " is a .safetensors file, but not a saved state",
        " is cut short: it has n bytes, its header alone takes n",
        " is cut short: it has n bytes, its header promises n",
    }


@pytest.mark.parametrize("extra", [b"\0", b"\0" * 4096, b"PK\x03\x04 a zip archive"])
def test_bytes_after_the_end_are_refused(good: bytes, tmp_path: Path, extra: bytes) -> None:
    path = tmp_path / "state"
    path.write_bytes(good + extra)
    assert f"has {len(extra)} bytes after its end" in refusal(path).message


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_splice_is_refused(good: bytes, tmp_path: Path, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 40)))
    forged = good[:start] + data.draw(st.binary(max_size=40)) + good[end:]
    path = tmp_path / "state"
    path.write_bytes(forged)
    if forged == good:
        load_state(path, expect=EXPECT)
    else:
        refusal(path)


# Forged files: the digests are right, the contents are not.

Table = dict[str, Any]


def forge(good: bytes, edit: Callable[[Table, bytearray], object], text: Callable[[str], str] = str) -> bytes:
    """Change the parsed header or the payload, then the header's text, and seal the result as the program would."""
    length = struct.unpack("<Q", good[:8])[0]
    table, payload = json.loads(good[8 : 8 + length]), bytearray(good[8 + length :])
    edit(table, payload)
    metadata = table["__metadata__"]
    if "payload_sha256" in metadata:
        metadata["payload_sha256"] = hashlib.sha256(payload).hexdigest()
    if isinstance(metadata["open_ids_sha256"], str):
        metadata["open_ids_sha256"] = hashlib.sha256(payload[:8]).hexdigest()
    metadata["header_sha256"] = ZEROS
    draft = text(json.dumps(table, separators=(",", ":"))).encode()
    draft += b" " * (-len(draft) % 8)
    place = b'"header_sha256":"'
    sealed = draft.replace(place + ZEROS.encode(), place + hashlib.sha256(draft).hexdigest().encode())
    return struct.pack("<Q", len(sealed)) + sealed + payload


def test_the_forger_knows_the_format(good: bytes) -> None:
    assert forge(good, lambda table, payload: None) == good


def test_a_file_from_before_origins_were_kept_is_read(good: bytes, tmp_path: Path) -> None:
    def without_origin(table: Table, payload: bytearray) -> None:
        record = json.loads(table["__metadata__"]["document"])
        del record["origin"]
        table["__metadata__"]["document"] = json.dumps(record)

    (tmp_path / "state").write_bytes(forge(good, without_origin))
    assert read_header(tmp_path / "state").document == replace(sample_document(), origin=None)


def field(name: str, text: str) -> Callable[[Table, bytearray], object]:
    return lambda table, payload: table["__metadata__"].update({name: text})


def entry(name: str, **changes: object) -> Callable[[Table, bytearray], object]:
    return lambda table, payload: table[name].update(changes)


def document(**changes: object) -> Callable[[Table, bytearray], object]:
    def edit(table: Table, payload: bytearray) -> None:
        metadata = table["__metadata__"]
        metadata["document"] = json.dumps(json.loads(metadata["document"]) | changes)

    return edit


def reading(**changes: object) -> Callable[[Table, bytearray], object]:
    return field("reading", json.dumps(dict(memory="gated", segment=4, carry=4, sinks=1) | changes))


def payload_floats(first: bytes) -> Callable[[Table, bytearray], object]:
    def edit(table: Table, payload: bytearray) -> None:
        start = table["layers.0.memory"]["data_offsets"][0]
        payload[start : start + 4] = first

    return edit


def rename(old: str, new: str) -> Callable[[Table, bytearray], object]:
    return lambda table, payload: table.update({new: table.pop(old)})


FORGERIES: dict[str, tuple[Callable[[Table, bytearray], object], str]] = {
    "position true": (field("position", "true"), "position: expected a whole number from 0, found True"),
    "position float": (field("position", "6.0"), "position: expected a whole number"),
    "position negative": (field("position", "-6"), "position: expected a whole number"),
    "position text": (field("position", '"6"'), "position: expected a whole number"),
    "position 2**60": (field("position", str(2**60)), "position: expected a whole number"),
    "position long": (field("position", "9" * 5000), "position: "),
    "position boundary": (field("position", "8"), "first tensor is not open_ids with 0 ids"),
    "position empty": (field("position", ""), "position: "),
    "origin text": (document(origin="/home"), "document: expected a row of 5"),
    "origin names": (document(origin=["/home", "books", [], []]), "document: expected a list, found 'books'"),
    "origin patterns": (document(origin=["/home", ["books"], [3], []]), "document: expected text, found 3"),
    "seconds NaN": (field("seconds", "NaN"), "seconds: found NaN"),
    "seconds Infinity": (field("seconds", "-Infinity"), "seconds: found -Infinity"),
    "seconds 1e999": (field("seconds", "1e999"), "beyond every finite number"),
    "seconds negative": (field("seconds", "-1.5"), "seconds: expected a number of seconds"),
    "seconds false": (field("seconds", "false"), "seconds: expected a number of seconds"),
    "complete 1": (field("complete", "1"), "complete: expected true or false, found 1"),
    "model null": (field("model", "null"), "model: expected text, found None"),
    "model bare": (field("model", "tiny"), "model: "),
    "dtype": (field("dtype", '"float16"'), "dtype: expected float32 or bfloat16 or int8 or int4, found 'float16'"),
    "dtype list": (field("dtype", "[]"), "dtype: expected float32 or bfloat16"),
    "dtype other": (field("dtype", '"float32"'), "was read in float32, expected bfloat16"),
    "digest short": (field("ids_sha256", '"abc"'), "ids_sha256: expected a SHA-256"),
    "digest capitals": (field("ids_sha256", json.dumps("A" * 64)), "ids_sha256: expected a SHA-256"),
    "reading list": (field("reading", "[]"), "reading: expected an object"),
    "reading kind": (reading(memory="magic"), "reading: memory must be one of"),
    "reading kind list": (reading(memory=[]), "reading: memory must be one of"),
    "reading carry": (reading(carry=3), "reading: carry .* multiple of the segment"),
    "reading segment 0": (reading(segment=0), "reading: segment must be"),
    "reading segment true": (reading(segment=True), "reading: segment must be"),
    "reading extra": (reading(window=1), "reading: 'window' is unknown"),
    "reading short": (field("reading", '{"memory":"gated"}'), "reading: carry is missing"),
    "reading twice": (field("reading", '{"memory":"gated","memory":"full"}'), "reading: found the key"),
    "reading other kind": (reading(memory="linear"), "was read with memory linear, expected gated"),
    "reading full": (reading(memory="full", carry=0), "first tensor is not open_ids with 0 ids"),
    "reading sinks": (reading(sinks=2), "was read with sinks 2, expected 1"),
    "deep": (field("document", "[" * 100_000), "document: it is nested too deeply"),
    "document nbytes": (document(nbytes=-1), "document: expected a whole number"),
    "document name": (document(name=3), "document: expected text, found 3"),
    "document extra": (document(class_name="os.system"), "document: 'class_name' is unknown"),
    "document sources": (document(sources={}), "document: expected a list"),
    "document row": (document(sources=[["a", 1, "b"]]), "document: expected a row of 4"),
    "document row text": (document(sources=["abcd"]), "document: expected a row of 4"),
    "document cell": (document(sources=[["a", 1.0, "b", 1]]), "document: expected a whole number from 0, found 1.0"),
    "document skipped": (document(skipped=[["a", None]]), "document: expected text, found None"),
    "field missing": (lambda table, _: table["__metadata__"].pop("model"), "model is missing"),
    "payload digest missing": (lambda table, _: table["__metadata__"].pop("payload_sha256"), "payload_sha256"),
    "field unknown": (field("__class__", '"os.system"'), "'__class__' is unknown"),
    "field not text": (lambda table, _: table["__metadata__"].update(position=6), "position: expected JSON text"),
    "field nested": (lambda t, _: t["__metadata__"].update(document=[["a"]] * 9), "document: expected JSON text"),
    "payload digest not text": (lambda t, _: t["__metadata__"].update(open_ids_sha256=6), "damaged: its open segment"),
    "tensor missing": (lambda table, _: table.pop("layers.0.write_gates"), "has 8 bytes after its end"),
    "tensor unknown": (lambda t, _: t.update({"../../etc/x": t["open_ids"]}), "a tensor '../../etc/x' that no state"),
    "tensor renamed": (rename("layers.0.memory", "layers.00.memory"), "layers.0.write_gates is in the bytes 80"),
    "keys missing": (rename("layers.0.keys", "layers.1.keys"), "layers.0.values is in the bytes 32"),
    "second layer": (lambda t, _: t.update({"layers.1.keys": t["layers.0.keys"]}), "layers.1.keys is in the bytes 8"),
    "tensor dtype": (
        entry("layers.0.memory", dtype="I32"),
        "tensor layers.0.memory of .* in int32, expected .* in float32",
    ),
    "tensor shape": (entry("layers.0.memory", shape=[1, 1, 4]), r"layers.0.memory of \[1, 1, 4\]"),
    "tensor shape float": (entry("layers.0.memory", shape=[1, 1, 2.0, 2]), "tensor layers.0.memory is"),
    "tensor shape true": (entry("layers.0.memory", shape=[True, 1, 2, 2]), "tensor layers.0.memory is"),
    "tensor shape deep": (entry("layers.0.memory", shape=[1, [[[[]]]]]), "tensor layers.0.memory is"),
    "tensor overlap": (entry("layers.0.values", data_offsets=[8, 32]), "tensor layers.0.values is"),
    "tensor negative": (entry("layers.0.values", data_offsets=[-24, 0]), "tensor layers.0.values is"),
    "tensor extra key": (entry("layers.0.values", python="os.system"), "tensor layers.0.values is"),
    "tensor list": (lambda table, _: table.update({"layers.0.values": []}), "tensor layers.0.values is"),
    "keys batch": (entry("layers.0.keys", shape=[2, 1, 6, 2]), "layers.0.keys is in the bytes 8 to 32, expected 48"),
    "keys zero": (entry("layers.0.keys", shape=[1, 0, 6, 2]), "layers.0.keys is in the bytes 8 to 32, expected 0"),
    "keys huge": (entry("layers.0.keys", shape=[1, 1, 6, 2**62]), "tensor layers.0.keys is"),
    "keys large": (entry("layers.0.keys", shape=[1, 2**30, 6, 2**30]), "tensor layers.0.keys is"),
    "keys text": (entry("layers.0.keys", shape="1162"), "tensor layers.0.keys is"),
    "nan": (payload_floats(struct.pack("<f", float("nan"))), "tensor layers.0.memory holds values that are not finite"),
    "inf": (payload_floats(struct.pack("<f", float("-inf"))), "layers.0.memory holds values that are not finite"),
    "id negative": (lambda _, payload: payload.__setitem__(slice(0, 4), b"\xff" * 4), "token ids from -1"),
    "id large": (lambda _, payload: payload.__setitem__(slice(0, 4), struct.pack("<i", 97)), "the vocabulary has 97"),
    "payload longer": (lambda _, payload: payload.extend(b"\0" * 4), "has 4 bytes after its end"),
    "payload shorter": (lambda _, payload: payload.__delitem__(slice(-4, None)), "is cut short"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_file_is_refused(good: bytes, tmp_path: Path, name: str) -> None:
    edit, sentence = FORGERIES[name]
    path = tmp_path / "state"
    path.write_bytes(forge(good, edit))
    assert re.search(sentence, refusal(path).message)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (lambda text: text.replace('"layers.0.keys"', '"open_ids"'), "found the key .* twice"),
        (lambda text: text.replace('"model":', '"position":"6","model":'), "found the key .* twice"),
        (lambda text: text[:-1] + ',"x":' + "[" * 100_000 + "}", "nested too deeply"),
        (lambda text: text[:-1] + ',"x":NaN}', "found NaN"),
        (lambda text: text[:-1] + ',"x":1e999}', "beyond every finite number"),
        (lambda text: text + "{}", "Extra data"),
        (lambda text: text[:-1], "has a header that no state has"),
        (lambda text: text.replace("state/1", "state/0"), "has the format gemma10m.state/0, .* reads gemma10m.state/1"),
        (lambda text: text.replace("state/1", "state/22"), "has the format gemma10m.state/22"),
        (lambda text: text.replace("state/1", "state/x"), "is damaged: its header changed"),
        (lambda text: text.replace("gemma10m.state", "gemma10m.model"), "a .safetensors file, but not a saved state"),
        (lambda text: text.replace('"header_sha256"', '"other_sha256"'), "is damaged: its header changed"),
        (lambda text: text.replace("tiny", "tiny" + "x" * (16 * 2**20)), "is damaged: its header's length changed"),
    ],
)
def test_a_forged_header_is_refused(good: bytes, tmp_path: Path, text: Callable[[str], str], sentence: str) -> None:
    path = tmp_path / "state"
    path.write_bytes(forge(good, lambda table, payload: None, text))
    assert re.search(sentence, refusal(path).message)


def test_a_header_that_is_not_utf8_is_refused(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state"
    draft = forge(good, lambda table, payload: None)
    length = struct.unpack("<Q", draft[:8])[0]
    raw = draft[8 : 8 + length].replace(b"tiny", b"\xff\xfe\xfd\xfc")
    raw = re.sub(rb'(?<="header_sha256":")[0-9a-f]{64}', ZEROS.encode(), raw)
    raw = raw.replace(ZEROS.encode() + b'"}', hashlib.sha256(raw).hexdigest().encode() + b'"}')
    path.write_bytes(draft[:8] + raw + draft[8 + length :])
    assert "utf-8" in refusal(path).message


def test_an_absurd_header_length_allocates_nothing(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state"
    for length in (0, 1, 2**24 + 1, 2**40, 2**63, 2**64 - 1):
        path.write_bytes(struct.pack("<Q", length) + good[8:])
        assert "its header's length" in refusal(path).message


def test_a_huge_sparse_file_is_refused_by_arithmetic(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(good)
    os.truncate(path, 2**40)
    assert "bytes after its end" in refusal(path).message


def test_other_files_are_named_for_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "file"
    save_file({"x": torch.zeros(3)}, path, {"format": "pt"})
    assert "is a .safetensors file, but not a saved state" in refusal(path).message
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n")
    assert "is a git-lfs pointer" in refusal(path).message
    for data in (b"", b"7 bytes", b"It was a dark and stormy night. " * 99, b"\x80\x02pickle", b"PK\x03\x04"):
        path.write_bytes(data)
        assert "is not a saved state" in refusal(path).message
        assert not is_state_file(path)


def test_what_is_not_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "loop").symlink_to("loop")
    expected = {
        tmp_path / "fifo": "is a device or a pipe",
        Path("/dev/zero"): "is a device or a pipe",
        tmp_path: "is a folder",
        tmp_path / "absent": "No such file",
        tmp_path / "socket": "cannot be read",
        tmp_path / "loop": "cannot be read",
    }
    for path, sentence in expected.items():
        assert sentence in refusal(path).message
        assert not is_state_file(path)
    assert not is_state_file(Path("nul\0name"))


def test_a_link_to_a_state_is_a_state(good: bytes, tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(good)
    (tmp_path / "link").symlink_to("state")
    assert is_state_file(tmp_path / "link")
    load_state(tmp_path / "link", expect=EXPECT)


def test_the_header_alone_is_checked_too(good: bytes, tmp_path: Path) -> None:
    """A flip in the header or the open segment's ids is found by `read_header`; one in the tensors is not its task."""
    path = tmp_path / "state"
    path.write_bytes(good)
    payload = 8 + struct.unpack("<Q", good[:8])[0]
    open_ids = payload + 4 * len(HEADER.open_ids)
    with open(path, "r+b", buffering=0) as file:
        for at in range(len(good)):
            os.pwrite(file.fileno(), bytes([good[at] ^ 4]), at)
            if at < open_ids:
                with pytest.raises(StateError):
                    read_header(path)
            else:
                assert read_header(path) == HEADER
            os.pwrite(file.fileno(), good[at : at + 1], at)

"""A hub on 127.0.0.1 that speaks as much of the Hugging Face protocol as a download needs, with faults to order."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

REPOSITORY = "mustafaaljadery/gemma-2B-10M"
COMMIT = "c0ffee" + "0" * 34
BLOCK = 1 << 16


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".gguf", "tokenizer.model", "tokenizer.json", ".bin"))


def sibling(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git_sha1(content)}
    if is_large(path):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
    return entry


@dataclass(frozen=True)
class Seen:
    path: str
    host: str
    range: str | None
    authorization: str | None


@dataclass
class Faults:
    """Hold what goes wrong, by file name; a count is how many answers it goes wrong in. Lengths in bytes."""

    cut_after: dict[str, list[int]] = field(default_factory=dict)  # one entry an answer: close the connection there
    stall_after: dict[str, int] = field(default_factory=dict)  # then wait until the hub is stopped
    flip: Counter[str] = field(default_factory=Counter)
    ignore_range: bool = False
    wrong_range: Counter[str] = field(default_factory=Counter)
    endless: bool = False  # zeros after the file, until the client goes away
    status: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # (status, X-Error-Code) an answer
    api: tuple[int, str] | None = None
    api_body: bytes | None = None
    redirect_to: str | None = None  # another host name


LIBRARYS_OWN = "/api/agent-harnesses"  # asked for by huggingface_hub once a day, whatever is downloaded


class FakeHub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.commit = COMMIT
        self.siblings = [sibling(path, content) for path, content in files.items()]
        self.faults = Faults()
        self.revisions = {"main"}
        self.seen: list[Seen] = []
        self.sent: Counter[str] = Counter()
        self.stopped = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path.endswith(f"/{path}")]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that goes away: it is part of the tests."""


@contextmanager
def running(files: dict[str, bytes]) -> Iterator[FakeHub]:
    hub = FakeHub(files)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        hub.stopped.set()
        hub.shutdown()
        thread.join()
        hub.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = self.headers
        seen = Seen(path, headers.get("Host", ""), headers.get("Range"), headers.get("Authorization"))
        if path == LIBRARYS_OWN:
            self._reply(404, {}, b"")
            return
        self.server.seen.append(seen)
        if path.startswith("/api/models/"):
            self._model_info(path)
        else:
            self._file(path.rpartition("/")[2], path, seen.range)

    def _model_info(self, path: str) -> None:
        faults = self.server.faults
        name, _, revision = path.removeprefix("/api/models/").partition("/revision/")
        if faults.api:
            self._refuse(*faults.api)
        elif faults.api_body is not None:
            self._reply(200, {}, faults.api_body)
        elif name != REPOSITORY:
            self._refuse(401, "RepoNotFound")
        elif revision and revision not in self.server.revisions:
            self._refuse(404, "RevisionNotFound")
        else:
            info = {"id": name, "sha": self.server.commit, "siblings": self.server.siblings}
            self._reply(200, {"Content-Type": "application/json"}, json.dumps(info).encode())

    def _file(self, name: str, path: str, asked: str | None) -> None:
        faults = self.server.faults
        if faults.status.get(name):
            self._refuse(*faults.status[name].pop(0))
        elif faults.redirect_to and not path.startswith("/cdn/"):
            self._reply(302, {"Location": f"http://{faults.redirect_to}:{self.server.port}/cdn/{name}"}, b"")
        elif name not in self.server.files:
            self._refuse(404, "EntryNotFound")
        else:
            self._send(name, self.server.files[name], asked)

    def _send(self, name: str, content: bytes, asked: str | None) -> None:
        faults = self.server.faults
        start = 0 if faults.ignore_range or not asked else int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(content) > 0:
            self._refuse(416, "")
            return
        status, headers = 200, {}
        if asked and not faults.ignore_range:
            shift = 7 if faults.wrong_range[name] > 0 else 0
            faults.wrong_range[name] -= 1
            status = 206
            headers["Content-Range"] = f"bytes {start + shift}-{len(content) - 1}/{len(content)}"
        self._body(name, status, headers, self._damaged(name, content)[start:])

    def _damaged(self, name: str, content: bytes) -> bytes:
        if self.server.faults.flip[name] <= 0:
            return content
        self.server.faults.flip[name] -= 1
        return content[:-1] + bytes([content[-1] ^ 1])

    def _body(self, name: str, status: int, headers: dict[str, str], body: bytes) -> None:
        faults = self.server.faults
        self.send_response(status)
        if faults.endless:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        cuts = faults.cut_after.get(name)
        end = cuts.pop(0) if cuts else faults.stall_after.get(name, len(body))
        for offset in range(0, min(end, len(body)), BLOCK):
            block = body[offset : min(offset + BLOCK, end)]
            self.wfile.write(block)
            self.server.sent[name] += len(block)
        while faults.endless:
            self.wfile.write(bytes(BLOCK))
        if end < len(body):
            if name in faults.stall_after:
                self.server.stopped.wait(30)
            self.close_connection = True

    def _refuse(self, status: int, code: str) -> None:
        self._reply(status, {"X-Error-Code": code, "X-Error-Message": "no"} if code else {}, b"")

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

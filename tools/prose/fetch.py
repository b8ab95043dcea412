"""Packages from a Debian mirror, or from files that are here already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from huggingface_hub import get_session

from gemma10m.documents.safe_open import UnreadableError, open_regular, read_block
from gemma10m.errors import DocumentError, NetworkError, UsageError
from gemma10m.hub.hub_errors import HUB_FAILURES, cause_text
from gemma10m.hub.partial_file import Meter
from prose.damage import LARGEST
from prose.deb import DebFile
from prose.packages import PACKAGES, Package, Unpacked, unpack

MIRROR = "https://deb.debian.org/debian"
TIMEOUT_SECONDS = 30.0  # without a byte


def fetch_packages(on_progress: Callable[[int, int], None]) -> list[Unpacked]:
    """Fetch and check every package; `on_progress` gets (bytes done, bytes total). Raises NetworkError."""
    meter = Meter(total_bytes(), on_progress)
    found = [unpack(fetch_deb(package, meter), package.sha256, package.file_name) for package in PACKAGES]
    meter.report()
    return found


def total_bytes() -> int:
    return sum(package.size for package in PACKAGES)


def fetch_deb(package: DebFile, meter: Meter) -> bytes:
    """Fetch a package and check that it is the one expected. Raises NetworkError."""
    url, data = f"{MIRROR}/{package.path}", bytearray()
    try:
        with get_session().stream("GET", url, timeout=TIMEOUT_SECONDS, follow_redirects=True) as response:
            if response.status_code != 200:
                raise NetworkError(f"{url} answered {response.status_code}", hint=_by_hand(package))
            for chunk in response.iter_bytes():
                data += chunk
                meter.add(len(chunk))
                if len(data) > package.size:
                    break
    except HUB_FAILURES as error:
        raise NetworkError(f"cannot fetch {url}: {cause_text(error)}", hint=_by_hand(package)) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != package.sha256:
        raise NetworkError(
            f"{url} is not the file expected: {len(data):,} bytes with sha256 {digest}, "
            f"expected {package.size:,} with {package.sha256}",
            hint=_by_hand(package),
        )
    return bytes(data)


def _by_hand(package: DebFile) -> str:
    page = f"https://snapshot.debian.org/binary/{package.name}/"
    return f"check the network and the proxy, or get {package.file_name} ({page}) and name it after the folder"


def local_packages(paths: Sequence[Path]) -> list[Unpacked]:
    """Return the packages in these .deb files, or in folders that hold them; each package once, all of them.

    Raises UsageError for too few or too many, DocumentError for a file that is not what it should be.
    """
    found = [_local(path) for named in paths for path in _files(named)]
    return [_only(package, found) for package in PACKAGES]


def _only(package: Package, found: Sequence[Unpacked]) -> Unpacked:
    same = [one for one in found if one.package is package]
    if len(same) != 1:
        raise UsageError(
            f"--from has {package.name} {len(same)} times, expected once",
            hint=f"name one .deb of each package; to get this one: apt-get download {package.name}",
        )
    return same[0]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for package in PACKAGES for file in path.glob(f"{package.name}_*.deb"))


def _local(path: Path) -> Unpacked:
    data = read_deb(path)
    return unpack(data, hashlib.sha256(data).hexdigest(), str(path))


def read_deb(path: Path) -> bytes:
    """Read a package that is here already. Raises DocumentError."""
    try:
        with open(open_regular(str(path), follow_links=True), "rb") as file:
            data = read_block(file.fileno(), 0, LARGEST + 1)
    except UnreadableError as error:
        raise DocumentError(
            f"{path} cannot be read: {error}", hint="name a Debian package, or a folder of them"
        ) from error
    if len(data) > LARGEST:
        raise DocumentError(f"{path} is larger than {LARGEST:,} bytes", hint="name the packages needed alone")
    return data

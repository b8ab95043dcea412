"""Freed memory goes back to the system, so that a long training does not grow, and not while a document is read."""

from __future__ import annotations

import platform
import resource
from pathlib import Path

import pytest
import torch

from gemma10m.heap import keeping_freed, return_freed

PAGE = 4096
only_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked to")


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def fresh_pages(size: int) -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(size, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@only_glibc
def test_a_block_that_was_freed_meanwhile_is_used_again() -> None:
    size = 96 << 20  # above what the C library would ever keep by itself
    assert fresh_pages(size) > size // PAGE // 2
    assert fresh_pages(size) > size // PAGE // 2
    with keeping_freed():
        fresh_pages(size)
        assert fresh_pages(size) < 100
        kept = resident()
    assert resident() < kept - size // 2


@only_glibc
def test_holes_in_the_heap_are_given_back() -> None:
    """Blocks under the size that the C library maps alone stay in its heap while one above them is in use."""
    torch.zeros(24 << 20, dtype=torch.uint8).fill_(1)  # freed: from now on blocks of this size are the heap's
    blocks = [torch.ones(4 << 20, dtype=torch.uint8) for _ in range(64)]
    last = torch.ones(4 << 20, dtype=torch.uint8)
    del blocks
    before = resident()
    return_freed()
    assert resident() < before - (128 << 20)
    assert last[0] == 1

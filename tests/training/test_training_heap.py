"""Memory that a step has freed goes back to the system, so that a long training does not grow."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch

from gemma10m.training.heap import return_freed

PAGE = 4096


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked to")
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

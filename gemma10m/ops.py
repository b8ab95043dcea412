"""One function per kernel. The backend is chosen once, here; today plain PyTorch is the only one."""

from __future__ import annotations

from gemma10m.kernels.reference import (
    delta_update,
    gated_update,
    geglu,
    linear_update,
    read_contracted,
    read_normalised,
    rms_norm,
    rotate,
    scan,
)

BACKEND = "reference"

__all__ = [
    "BACKEND",
    "delta_update",
    "gated_update",
    "geglu",
    "linear_update",
    "read_contracted",
    "read_normalised",
    "rms_norm",
    "rotate",
    "scan",
]

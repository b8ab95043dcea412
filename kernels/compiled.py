"""Export every kernel under its reference's name. Importing this imports Triton."""

from __future__ import annotations

from gemma10m.kernels.gated import gated_update
from gemma10m.kernels.geglu import geglu
from gemma10m.kernels.launch import INTERPRETED, TYPES
from gemma10m.kernels.mix import mix
from gemma10m.kernels.packed import packed_linear
from gemma10m.kernels.rms_norm import add_rms_norm, rms_norm
from gemma10m.kernels.rotary import rotate
from gemma10m.kernels.scan import scan
from gemma10m.kernels.swiglu import swiglu
from gemma10m.kernels.update import delta_decay, linear_update

__all__ = [
    "INTERPRETED",
    "TYPES",
    "add_rms_norm",
    "delta_decay",
    "gated_update",
    "geglu",
    "linear_update",
    "mix",
    "packed_linear",
    "rms_norm",
    "rotate",
    "scan",
    "swiglu",
]

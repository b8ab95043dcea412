"""Compute Megalodon's moving average by FFT, all tokens of a block at once: reference.complex_ema, but for rounding.

Inside a block of T tokens y is x convolved with k_j = Re(sum of g p q^j) (MEGA, arXiv 2209.10655); what came before
adds Re(sum of g q^(t + 1) h); a block's own tokens leave the sum of p q^(T - 1 - j) x_j. All three are products with
the same powers of q. It is plain PyTorch, runs on every device, and has gradients.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Tokens of a block. FFTs cost S log T, the state between blocks S J, and the powers D J T, however short the stretch.
BLOCK = 64


def complex_ema_by_fft(
    x: Tensor, state: Tensor, gain: Tensor, decay: Tensor, readout: Tensor, block: int = BLOCK
) -> tuple[Tensor, Tensor]:
    """Compute reference.complex_ema; its arguments and results.

    x (B, D, S), state (B, D, J) complex, gain (D, J), decay and readout (D, J) complex -> (B, D, S), (B, D, J) complex.
    """
    count = x.shape[-1]
    whole = count // block * block
    powers = _powers(decay, min(count, block))  # (D, 2 * J, T)
    outputs = []
    for part, size in ((x[..., :whole], block), (x[..., whole:], count - whole)):
        if part.shape[-1]:
            blocks = part.unflatten(-1, (-1, size))  # (B, D, G, T)
            y, state = _in_blocks(blocks, state, gain, decay, readout, powers[..., :size])
            outputs.append(y)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1), state


def _powers(decay: Tensor, count: int) -> Tensor:
    """Return [Re; -Im] of q^0 to q^(count - 1), (D, 2 * J, count), made in double precision: phase errors add up."""
    q, step = decay.to(torch.complex128), math.isqrt(count - 1) + 1
    low = [torch.ones_like(q)]
    while len(low) <= step:
        low.append(low[-1] * q)
    high = [low[0]]
    while len(high) * step < count:
        high.append(high[-1] * low[step])
    found = torch.stack(high, dim=-1).unsqueeze(-1) * torch.stack(low[:step], dim=-1).unsqueeze(-2)  # (D, J, G, T)
    parts = torch.view_as_real(found.flatten(-2)[..., :count].conj().resolve_conj())  # (D, J, count, 2)
    return parts.to(decay.real.dtype).permute(0, 3, 1, 2).flatten(1, 2)


def _in_blocks(
    x: Tensor, state: Tensor, gain: Tensor, decay: Tensor, readout: Tensor, powers: Tensor
) -> tuple[Tensor, Tensor]:
    """Run blocks of equal size. x (B, D, G, T), powers (D, 2 * J, T) -> (B, D, G * T), (B, D, J)."""
    size = x.shape[-1]
    kernel = _halves(readout * gain).unsqueeze(1) @ powers  # (D, 1, T)
    spectrum = torch.fft.rfft(kernel, 2 * size)  # (D, 1, T + 1)
    inside = torch.fft.irfft(torch.fft.rfft(x, 2 * size) * spectrum, 2 * size)[..., :size]  # (B, D, G, T)
    real, imaginary = (x.flip(-1) @ powers.mT).chunk(2, dim=-1)  # (B, D, G, J) each
    gains = gain.unsqueeze(1) * torch.complex(real, -imaginary)  # (B, D, G, J)
    real, imaginary = powers[..., -1].chunk(2, dim=1)  # (D, J) each
    whole = torch.complex(real, -imaginary) * decay  # (D, J): q^T
    before = []
    for own in gains.unbind(2):  # (B, D, J)
        before.append(state)
        state = whole * state + own
    turned = torch.stack(before, dim=2) * (readout * decay).unsqueeze(1)  # (B, D, G, J)
    seen = _halves(turned) @ powers  # (B, D, G, T)
    return (inside + seen).flatten(-2), state


def _halves(z: Tensor) -> Tensor:
    """Return [Re | Im] of complex numbers (..., J), (..., 2 * J): times [Re; -Im] it is the real part of products."""
    return torch.cat((z.real, z.imag), dim=-1)

"""Compute Megalodon's moving average a block of tokens at a time: reference.complex_ema, but for rounding.

Inside a block of T tokens y is x convolved with k_j = Re(sum of g p q^j) (MEGA, arXiv 2209.10655), a product with each
channel's Toeplitz matrix; what came before adds Re(sum of g q^(t + 1) h); a block's own tokens leave the sum of
p q^(T - 1 - j) x_j. All three are products with the same powers of q. It is plain PyTorch, runs on every device, and
has gradients.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Tokens of a block. Its products cost S (T + 4 J), the state between blocks S / T steps, and the powers D T (T + J).
BLOCK = 64


def complex_ema_in_blocks(
    x: Tensor, state: Tensor, gain: Tensor, decay: Tensor, readout: Tensor, block: int = BLOCK
) -> tuple[Tensor, Tensor]:
    """Compute reference.complex_ema; its arguments and results.

    x (B, D, S), state (B, D, J) complex, gain (D, J), decay and readout (D, J) complex -> (B, D, S), (B, D, J) complex.
    """
    count = x.shape[-1]
    whole = count // block * block
    powers = _powers(decay, min(count, block))  # (D, 2 * J, T)
    channels, state = x.transpose(0, 1).contiguous(), state.transpose(0, 1)  # (D, B, S), (D, B, J)
    outputs = []
    for part, size in ((channels[..., :whole], block), (channels[..., whole:], count - whole)):
        if part.shape[-1]:
            blocks = part.unflatten(-1, (-1, size))  # (D, B, G, T)
            y, state = _in_blocks(blocks, state, gain, decay, readout, powers[..., :size].contiguous())
            outputs.append(y)
    y = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
    return y.transpose(0, 1), state.transpose(0, 1)


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
    """Run blocks of equal size. x (D, B, G, T), state (D, B, J), powers (D, 2 * J, T) -> (D, B, G * T), (D, B, J).

    Operands are contiguous: PyTorch takes a batch of others apart, a product for each channel.
    """
    kernel = (_halves(readout * gain).unsqueeze(1) @ powers).squeeze(1)  # (D, T)
    weights = torch.cat((_toeplitz(kernel), powers.flip(-1).mT), dim=-1)  # (D, T, T + 2 * J)
    products = (x.flatten(1, 2) @ weights).unflatten(1, x.shape[1:3])  # (D, B, G, T + 2 * J)
    inside, real, imaginary = products.split((x.shape[-1], *gain.shape[1:] * 2), dim=-1)
    gains = gain[:, None, None] * torch.complex(real, -imaginary)  # (D, B, G, J)
    real, imaginary = powers[..., -1].chunk(2, dim=1)  # (D, J) each
    whole = (torch.complex(real, -imaginary) * decay).unsqueeze(1)  # (D, 1, J): q^T
    before = []
    for own in gains.unbind(2):  # (D, B, J)
        before.append(state)
        state = whole * state + own
    turned = torch.stack(before, dim=2) * (readout * decay)[:, None, None]  # (D, B, G, J)
    seen = _halves(turned).flatten(1, 2) @ powers  # (D, B * G, T)
    return (inside + seen.view_as(inside)).flatten(-2), state


def _toeplitz(kernel: Tensor) -> Tensor:
    """Return the matrices with which a row x becomes the sum of k_(t - j) x_j over j <= t. (D, T) -> (D, T, T)."""
    size = kernel.shape[-1]
    padded = torch.cat((kernel.new_zeros(len(kernel), size - 1), kernel), dim=-1)
    return padded.unfold(-1, size, 1).flip(1)


def _halves(z: Tensor) -> Tensor:
    """Return [Re | Im] of complex numbers (..., J), (..., 2 * J): times [Re; -Im] it is the real part of products."""
    return torch.cat((z.real, z.imag), dim=-1)

"""Plain PyTorch is the truth every kernel is compared with, and runs where there is no kernel.

Memory equations: Infini-attention (arXiv 2404.07143, equations 7-9) and, for `gated`, docs/architecture.md.
Everything that touches M or z is float32: in bfloat16 z stops growing after 524,288 tokens.
Letters as in docs/architecture.md; G counts segments, all of which go through a layer together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# A normaliser below this was never written to; dividing by it would make noise out of nothing.
EMPTY = 1e-6


def wide(x: Tensor) -> Tensor:
    """Cast to float32; float64 stays."""
    return x if x.dtype == torch.float64 else x.float()


def rms_norm(x: Tensor, weight: Tensor, eps: float, offset: float = 1.0) -> Tensor:
    """Apply RMS norm in float32, scaled by offset + weight (1 in Gemma), cast back last. x (..., D) -> (..., D)."""
    numbers = wide(x)
    scale = weight.to(numbers.dtype)
    if offset:
        scale = offset + scale
    # torch's rms_norm takes twice as long for one row: it has no kernel on a CPU.
    inverse = (numbers * numbers).mean(-1, keepdim=True).add_(eps).rsqrt_()
    return (numbers * inverse).mul_(scale).to(x.dtype)


def rms_norm_of_one(x: Tensor, twice: Tensor, eps: float) -> Tensor:
    """Do as `rms_norm` does, without an offset; twice (2D) holds the weights two times. x (..., D) -> (..., D).

    A layer norm of x and -x, whose mean is 0. For one token on a CPU, where it is one operation in place of seven.
    """
    size = x.shape[-1]
    return F.layer_norm(torch.cat((x, -x), dim=-1), (2 * size,), twice, None, eps)[..., :size]


def add_rms_norm(x: Tensor, added: Tensor, weight: Tensor, eps: float, offset: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return x + added and its RMS norm. x, added (..., D) -> (..., D), (..., D)."""
    total = x + added
    return total, rms_norm(total, weight, eps, offset)


def geglu(gate: Tensor, up: Tensor) -> Tensor:
    """Compute gelu_tanh(gate) * up, both (..., F)."""
    return F.gelu(gate, approximate="tanh") * up


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """Compute silu(gate) * up, both (..., F)."""
    return F.silu(gate) * up


def packed_levels(packed: Tensor, size: int) -> Tensor:
    """Return signed levels of packed rows, 4 bits each or 8 where packed holds 2 * size columns.

    packed (blocks, size or 2 * size, block / 2) uint8 -> (blocks, size, block) int8. A byte has two rows of a block:
    one of the first half in its low bits, one of the second in its high ones. Eight bits are two such columns: the
    upper four bits, then the lower.
    """
    high, low = packed[:, :size], packed[:, size:]
    if not low.shape[1]:
        return (torch.cat((high & 15, high >> 4), dim=-1) - 8).view(torch.int8)
    return (torch.cat((high << 4 | low & 15, high & 240 | low >> 4), dim=-1) - 128).view(torch.int8)


def packed_weights(packed: Tensor, scales: Tensor, size: int) -> Tensor:
    """Return packed rows as numbers, side by side: scale * level + offset, rounded once to the scales' dtype.

    scales (groups, rows, 2): scale and offset of as many neighbouring columns of packed as `groups` divides them into;
    those of the lower four bits of eight are the level's, with 8 of its steps added to the offset. -> (size, rows)
    """
    levels = packed_levels(packed, size).transpose(0, 1)
    numbers = torch.empty(size, scales.shape[1], dtype=scales.dtype, device=scales.device)
    numbers.view(levels.shape).copy_(levels)
    own = scales[scales.shape[0] - scales.shape[0] * size // packed.shape[1] :]
    # Numbers side by side are computed with many at a time: scales as they lie would take eight times as long.
    steps, offsets = own[:, None].movedim(-1, 0).contiguous()
    offsets = offsets - 8 * steps if size < packed.shape[1] else offsets
    grouped = numbers.view(own.shape[0], -1, numbers.shape[1])
    torch.addcmul(offsets, grouped, steps, out=grouped)
    return numbers


def packed_linear(x: Tensor, packed: Tensor, scales: Tensor) -> Tensor:
    """Compute x Wᵀ with packed W, of which 16 blocks of rows exist as numbers at a time.

    x (..., size), packed and scales as in `packed_weights` -> (..., rows).
    """
    block = 2 * packed.shape[2]
    parts = zip(packed.split(16), scales.split(16 * block, dim=1), strict=True)
    return torch.cat([x @ packed_weights(*part, x.shape[-1]).to(x.dtype) for part in parts], dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate by halves (RoFormer, arXiv 2104.09864). x (..., S, E), cos and sin (S, E) float32."""
    first, second = x.chunk(2, dim=-1)  # (..., S, E/2) each
    turned = torch.cat((-second, first), dim=-1)  # (..., S, E)
    return torch.addcmul(x * cos, turned, sin).to(x.dtype)


def feature(x: Tensor) -> Tensor:
    """Compute ELU(x) + 1 in float32 or wider (Katharopoulos 2020): positive, so that normalisers are."""
    return F.elu(wide(x)) + 1.0


def unit(x: Tensor) -> Tensor:
    """Compute u(x) = SiLU(x) / |SiLU(x)|. SiLU makes more keys independent than sums of a few directions would be."""
    return F.normalize(F.silu(wide(x)), dim=-1)


def reciprocal(n: Tensor) -> Tensor:
    """Compute 1 / n where something was written, and 0 elsewhere."""
    return torch.where(n > EMPTY, 1.0 / n.clamp(min=EMPTY), 0.0)


def read_normalised(queries: Tensor, memory: Tensor, normaliser: Tensor) -> Tensor:
    """Compute sigma(q) M / sigma(q) z, equation 7.

    queries (..., Q, E), memory (..., E, E), normaliser (..., E) -> (..., Q, E).
    """
    phi = feature(queries)  # (..., Q, E)
    total = phi @ normaliser.unsqueeze(-1)  # (..., Q, 1)
    return (phi @ memory) * reciprocal(total)


def read_contracted(queries: Tensor, memory: Tensor) -> Tensor:
    """Compute u(q) M, what the key q was last written with. (..., Q, E), (..., E, E) -> (..., Q, E)."""
    return unit(queries) @ memory  # (..., Q, E)


def recall(queries: Tensor, memory: Tensor) -> Tensor:
    """Compute u(q) M for each query head, with the memory of its K/V head.

    queries (B, H, G, Q, E), memory (B, K, G or more, E, E), later segments unread -> (B, H, G, Q, E).
    """
    count = queries.shape[2]
    grouped = queries.unflatten(1, (memory.shape[1], -1))  # (B, K, H/K, G, Q, E)
    found: Tensor = read_contracted(grouped, memory[:, :, :count].unsqueeze(2)).flatten(1, 2)  # (B, H, G, Q, E)
    return found


def mix(local: Tensor, queries: Tensor, memory: Tensor, normaliser: Tensor | None, gate: Tensor) -> Tensor:
    """Compute (1 - sigmoid(g)) local + sigmoid(g) memory's answer, equation 10, in the output projection's layout.

    Query heads of a group read the memory of their K/V head; without a normaliser it is read as contracted.
    local, queries (B, H, G, Q, E), memory (B, K, G, E, E), normaliser (B, K, G, E), gate (H) -> (B, G * Q, H * E).
    """
    count = queries.shape[3]
    grouped = queries.unflatten(1, (memory.shape[1], -1)).transpose(2, 3).flatten(3, 4)  # (B, K, G, H/K * Q, E)
    if normaliser is None:
        found = read_contracted(wide(grouped), memory)  # (B, K, G, H/K * Q, E)
    else:
        found = read_normalised(grouped, memory, normaliser)  # (B, K, G, H/K * Q, E)
    recalled = found.unflatten(3, (-1, count)).transpose(2, 3).flatten(1, 2)  # (B, H, G, Q, E)
    opened = torch.sigmoid(wide(gate)).view(1, -1, 1, 1, 1)  # (1, H, 1, 1, 1)
    mixed = torch.addcmul((1.0 - opened) * local, opened, recalled).to(local.dtype)  # (B, H, G, Q, E)
    return mixed.flatten(2, 3).transpose(1, 2).flatten(2)


def linear_update(keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Compute what a segment adds to M and z, equation 8. keys, values (..., N, E) -> (..., E, E), (..., E)."""
    phi = feature(keys)  # (..., N, E)
    return phi.mT @ wide(values), phi.sum(-2)


def delta_decay(keys: Tensor, normaliser: Tensor) -> Tensor:
    """Compute A of equation 9 as M <- A M + B; B is what `linear` adds.

    z before the segment is known in advance, so A is, too. keys (..., N, E), normaliser (..., E) before the segment ->
    A (..., E, E).
    """
    phi = feature(keys)  # (..., N, E)
    inverse = reciprocal(phi @ normaliser.unsqueeze(-1))  # (..., N, 1)
    return identity_minus(phi.mT @ (phi * inverse))


def gated_update(keys: Tensor, values: Tensor, write_gates: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the gated delta rule, M <- M + b_t k_t (v_t - k_t M)^T with k = u(key), as one map of the segment.

    The tokens of a segment see each other's writes: with L the part of diag(b) K K^T below the diagonal,
    (I + L) [W | U] = diag(b) [K | V] gives A = I - K^T W and B = K^T U (DeltaNet in its WY form, arXiv 2406.06484).
    Each token's map is a contraction, and |M|^2 grows by at most b |v|^2; b = 1 replaces what the key held.
    keys, values (..., N, E), write_gates b (..., N) -> A, B (..., E, E).
    """
    units = unit(keys)  # (..., N, E)
    gates = write_gates.unsqueeze(-1)  # (..., N, 1)
    weighted = gates * units  # (..., N, E)
    right = torch.cat((weighted, gates * wide(values)), dim=-1)  # (..., N, 2E)
    # The solver reads what is below the diagonal alone.
    solved = torch.linalg.solve_triangular(weighted @ units.mT, right, upper=False, unitriangular=True)  # (..., N, 2E)
    erased, written = solved.chunk(2, dim=-1)  # (..., N, E) each
    return identity_minus(units.mT @ erased), units.mT @ written


def identity_minus(x: Tensor) -> Tensor:
    return torch.eye(x.shape[-1], dtype=x.dtype, device=x.device) - x


def scan(memory: Tensor, decay: Tensor | None, gain: Tensor) -> Tensor:
    """Return every M along M_s = A_s M_(s-1) + B_s, the first one included.

    memory (B, K, E, E), decay A and gain B (B, K, G, E, E), A None for the identity -> (B, K, G + 1, E, E).
    """
    if decay is None:
        return torch.cat((memory.unsqueeze(2), memory.unsqueeze(2) + gain.cumsum(2)), dim=2)
    steps = [memory]
    for a, b in zip(decay.unbind(2), gain.unbind(2), strict=True):
        steps.append(a @ steps[-1] + b)  # (B, K, E, E)
    return torch.stack(steps, dim=2)


def complex_ema(x: Tensor, state: Tensor, gain: Tensor, decay: Tensor, readout: Tensor) -> tuple[Tensor, Tensor]:
    """Compute h <- q h + p x and Re(sum of g h), token by token: Megalodon's moving average (arXiv 2404.08801, eq. 2).

    Each of D channels has J complex numbers h of its own. x (B, D, S), state h (B, D, J) complex, gain p (D, J),
    decay q and readout g (D, J) complex -> (B, D, S) and the state after the last token, (B, D, J) complex.
    """
    outputs = []
    for token in x.unbind(-1):  # (B, D)
        state = decay * state + gain * token.unsqueeze(-1)
        outputs.append((readout * state).real.sum(-1))
    return torch.stack(outputs, dim=-1), state

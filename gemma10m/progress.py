"""Decide what a progress line says and how it fits a width: pure text, nothing is written here."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDEST_BAR = 40
NARROWEST_BAR = 4


def format_count(number: float) -> str:
    """Format 12345 as "12.3K"; whole numbers below a thousand are exact."""
    if isinstance(number, int) and abs(number) < 1000:
        return str(number)
    return "".join(_scaled(number, ("", "K", "M", "G", "T")))


def format_bytes(size: int) -> str:
    """Format in decimal units, as disks and downloads are sold: 1100000 as "1.1 MB"."""
    if size < 1000:
        return f"{size} B"
    return " ".join(_scaled(size, ("B", "KB", "MB", "GB", "TB")))


def _scaled(number: float, units: tuple[str, ...]) -> tuple[str, str]:
    steps = 0
    while abs(number) >= 999.5 and steps < len(units) - 1:
        number /= 1000
        steps += 1
    digits = f"{number:.1f}" if abs(number) < 99.95 else f"{number:.0f}"
    return digits, units[steps]


def format_duration(seconds: float) -> str:
    """Format the two largest units: "45s", "12m 05s", "1h 23m", "2d 03h"; "?" if the time is not finite."""
    if not math.isfinite(seconds):
        return "?"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02}h"
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {seconds:02}s"


@dataclass(frozen=True)
class ProgressView:
    """Say how far a read has come, in tokens of the document without the prompt's. Sizes are in bytes; a total of 0 is
    unknown.
    """

    tokens_read: int
    tokens_total: int
    total_is_exact: bool
    bytes_done: int
    bytes_total: int
    tokens_per_second: float
    seconds_left: float | None
    device_memory: tuple[int, int] | None  # used, total
    process_memory: int
    state_bytes: int
    tokens_skipped: int = 0  # of those read: in the index alone

    @property
    def fraction(self) -> float | None:
        """Return the share done, in tokens when their number is known, else in bytes."""
        done, total = self.tokens_read, self.tokens_total
        if not self.total_is_exact and self.bytes_total:
            done, total = self.bytes_done, self.bytes_total
        return _fraction(done, total)


def _fraction(done: int, total: int) -> float | None:
    return min(1.0, max(0.0, done / total)) if total > 0 else None


@dataclass(frozen=True)
class Status:
    """Hold what a progress line says: (long, short) fields, the most important first, and the part that is done."""

    fields: tuple[tuple[str, str], ...]
    fraction: float | None

    def fit(self, label: str, width: int) -> tuple[str, int, str]:
        """Return label, width of the bar (0: no room for one) and text that together stay within `width` columns."""
        full = "  ".join(long for long, _ in self.fields)
        room = width - len(label) - len(full) - 2
        if room >= 2 * NARROWEST_BAR:
            return label, min(room, WIDEST_BAR), full
        kept = [short for _, short in self.fields]
        while len(kept) > 1 and len(" ".join(kept)) > width:
            kept.pop()
        brief = " ".join(kept)
        room = width - len(brief) - 1
        return "", (room if room >= NARROWEST_BAR else 0), brief


def reading_status(view: ProgressView) -> Status:
    read, about = format_count(view.tokens_read), "" if view.total_is_exact else "~"
    total = f"{about}{format_count(view.tokens_total)}"
    known = view.tokens_total > 0
    fields = [(f"{read} / {total} tokens", f"{read}/{total}") if known else (f"{read} tokens", f"{read} tokens")]
    if view.tokens_skipped:
        fields += _same(f"{format_count(view.tokens_skipped)} of them searched only")
    fields += _percent_field(view.fraction)
    fields += _same(f"{format_count(float(view.tokens_per_second))} tok/s")
    fields += _time_left_field(view.seconds_left)
    if view.device_memory is not None:
        used, size = (memory / 1e9 for memory in view.device_memory)
        fields += [(f"GPU {used:.1f}/{size:.1f} GB", f"GPU {used:.1f}/{size:.0f} GB")]
    fields += _same(f"RAM {format_bytes(view.process_memory)}")
    fields += _same(f"state {format_bytes(view.state_bytes)}")
    return Status(tuple(fields), view.fraction)


def _same(text: str) -> list[tuple[str, str]]:
    return [(text, text)]


def _percent_field(fraction: float | None) -> list[tuple[str, str]]:
    # rounded down: 100 % is said only of what is finished
    return [] if fraction is None else _same(f"{math.floor(100 * fraction)}%")


def _time_left_field(seconds: float | None) -> list[tuple[str, str]]:
    return [] if seconds is None else _same(f"{format_duration(seconds)} left")


def byte_status(done: int, total: int, bytes_per_second: float) -> Status:
    """Return the status of a transfer. `total` 0: unknown; `bytes_per_second` 0: nothing has moved yet."""
    counts = (format_bytes(done), format_bytes(total))
    fields = [(" / ".join(counts), "/".join(counts))] if total else _same(counts[0])
    fraction = _fraction(done, total)
    fields += _percent_field(fraction)
    if bytes_per_second > 0:
        fields += _same(f"{format_bytes(round(bytes_per_second))}/s")
        fields += _time_left_field(max(0, total - done) / bytes_per_second if total else None)
    return Status(tuple(fields), fraction)


def count_status(done: int, total: int, unit: str, seconds_left: float | None = None) -> Status:
    fraction = _fraction(done, total)
    fields = [(f"{done} / {total} {unit}", f"{done}/{total}"), *_percent_field(fraction)]
    return Status((*fields, *_time_left_field(seconds_left)), fraction)


def run_status(done: int, total: int, tokens: int, seconds: float, failed: int) -> Status:
    """Return the status of a run over many documents; `seconds` since it began."""
    fields = list(count_status(done, total, "documents").fields)
    fields += _same(f"{format_count(tokens)} tokens")
    fields += _same(f"{format_count(tokens / seconds if seconds > 0 else 0.0)} tok/s")
    fields += _same(f"{failed} failed") if failed else []
    return Status(tuple(fields), _fraction(done, total))

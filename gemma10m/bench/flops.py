"""Floating-point operations that reading needs, products alone: what utilisation is measured against."""

from __future__ import annotations

from gemma10m.config import ModelConfig, ReadingConfig


def needed_flops(config: ModelConfig, reading: ReadingConfig) -> float:
    """A token's, far into a long document, without the head and without what the last layer may skip."""
    last = 2 * config.hidden_size * (2 * config.query_size + 3 * config.feed_forward_size)
    attending = (config.layers - 1) * (_window_flops(config, reading) + _recall_flops(config, reading))
    return config.flops_per_token - last + attending + config.layers * _update_flops(config, reading)


def _window_flops(config: ModelConfig, reading: ReadingConfig) -> float:
    """Scores and weighted values over the keys a token sees on average."""
    keys = reading.sinks + reading.carry + (reading.segment + 1) / 2
    return 4 * keys * config.query_size


def _recall_flops(config: ModelConfig, reading: ReadingConfig) -> float:
    kinds = ("linear", "delta", "gated")
    return 2 * config.query_size * config.head_size if reading.memory in kinds else 0


def _update_flops(config: ModelConfig, reading: ReadingConfig) -> float:
    products = {"linear": 1, "delta": 2, "gated": 4}.get(reading.memory, 0)  # of keys with an E x E matrix
    return 2 * products * config.kv_size * config.head_size

"""Measure speed and memory, and write rows of docs/benchmarks/results.jsonl."""

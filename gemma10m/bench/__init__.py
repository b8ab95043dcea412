"""Measurements that end as rows of docs/benchmarks/results.jsonl."""

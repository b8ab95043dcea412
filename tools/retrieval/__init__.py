"""Measure ways of finding the passages that answer a question."""

"""A summary is a question like any other; only its words are ours."""

from __future__ import annotations

from gemma10m.errors import UsageError


def summary_request(words: int, focus: str | None) -> str:
    """Raises UsageError unless `words` is positive."""
    if words < 1:
        raise UsageError(f"a summary has at least one word, found --words {words}")
    about = f" Say most about {focus.strip()}." if focus and focus.strip() else ""
    return f"Summarize the text above in about {words} words.{about}"

"""Every way a run can end has one error class, with an exit code and a hint that says what to do next.

Gemma10MError                 1   internal
├── UsageError                2   wrong words on the command line or wrong arguments to the API
├── DocumentError             3   a source that cannot be read
├── ModelError                4   a checkpoint or tokenizer that cannot be used
│   └── ConfigError           4   a configuration whose numbers do not fit together
├── StateError                5   a saved state that cannot be used
├── OutOfMemoryError          6   not enough memory on the device
├── DiskError                 7   not enough disk, or a file that cannot be written
├── NetworkError              8   the hub or another rank cannot be reached, or the hub refuses
├── TrainingError             9   a training run whose loss is no longer a number
├── NoAnswer                 10   a question without an answer, with --strict without a verified one; no passage found
└── Interrupted             130   SIGINT (130) or SIGTERM (143), after the state was saved
"""

from __future__ import annotations

# What torch and CUDA's libraries say when memory runs out, in errors that have no class for it.
WITHOUT_MEMORY = (
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell if memory ran out, by names and words: to import torch for its class would take seconds."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or any(words in str(error) for words in WITHOUT_MEMORY)


class Gemma10MError(Exception):
    """Say in one sentence what was found, and in a hint what to do."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(Gemma10MError):
    exit_code = 2


class DocumentError(Gemma10MError):
    exit_code = 3


class ModelError(Gemma10MError):
    exit_code = 4


class ConfigError(ModelError):
    """Report all problems of one configuration in one error."""

    def __init__(self, problems: list[str], hint: str = "") -> None:
        super().__init__("; ".join(problems), hint)
        self.problems = problems


class StateError(Gemma10MError):
    exit_code = 5


class OutOfMemoryError(Gemma10MError):
    exit_code = 6


class DiskError(Gemma10MError):
    exit_code = 7


class NetworkError(Gemma10MError):
    exit_code = 8


class TrainingError(Gemma10MError):
    exit_code = 9


class NoAnswer(Gemma10MError):
    exit_code = 10


class Interrupted(Gemma10MError):
    """Stop at a segment boundary after a signal; `exit_code` is 128 + the signal's number."""

    exit_code = 130

    def __init__(self, message: str, hint: str = "", signal_number: int = 2) -> None:
        super().__init__(message, hint)
        self.exit_code = 128 + signal_number

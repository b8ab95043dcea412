"""Run the program on two ranks, again and again, in forks of one process that has imported torch."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rank_cases import free_port, rank_environment

ROUND = 64  # tokens that two ranks of this test read at once


@dataclass(frozen=True)
class Scenario:
    """Say what each rank is started with, and what happens to rank 1 in its second round."""

    name: str
    arguments: list[list[str]]  # one list a rank; a single one: a process that reads alone
    happens: str = ""  # "interrupt", "kill" or "memory"; "version": it has another one from the start


def run_scenarios(folder: Path, scenarios: list[Scenario], environment: dict[str, str]) -> dict[str, list[Any]]:
    """Return each rank's exit code, output and messages, by the scenario's name."""
    (folder / "scenarios.json").write_text(json.dumps([asdict(scenario) for scenario in scenarios]))
    more = {"OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, __file__, str(folder)]
    subprocess.run(command, env={**os.environ, **environment, **more}, timeout=300, check=True)
    found: dict[str, list[Any]] = json.loads((folder / "found.json").read_text())
    return found


def main() -> None:
    import gemma10m.cli
    import gemma10m.commands.ask
    import gemma10m.passages.building  # noqa: F401

    folder = Path(sys.argv[1])
    scenarios = [Scenario(**each) for each in json.loads((folder / "scenarios.json").read_text())]
    (folder / "found.json").write_text(json.dumps({each.name: _run(folder, each) for each in scenarios}))


def _run(folder: Path, scenario: Scenario) -> list[dict[str, object]]:
    port, context = free_port(), multiprocessing.get_context("fork")
    count = len(scenario.arguments)
    ranks = [context.Process(target=_rank, args=(folder, scenario, rank, port)) for rank in range(count)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(60)
        process.kill()
        process.join()
    texts = [[(folder / f"{name}{rank}").read_text() for name in ("out", "err")] for rank in range(count)]
    return [
        {"code": process.exitcode, "out": out, "err": err} for process, (out, err) in zip(ranks, texts, strict=True)
    ]


def _rank(folder: Path, scenario: Scenario, rank: int, port: int) -> None:
    for number, name in ((1, "out"), (2, "err")):
        opened = os.open(folder / f"{name}{rank}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
    count = len(scenario.arguments)
    if count > 1:
        os.environ.update(rank_environment(rank, count, port))
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _prepare(scenario.happens if rank else "", ROUND // count)
    sys.argv = ["gemma10m", *scenario.arguments[rank]]
    from gemma10m.__main__ import main as program

    program()


def _prepare(happens: str, stretch: int) -> None:
    """Make rounds short, and something happen in the second one."""
    from gemma10m import saved_states
    from gemma10m.reading import pace

    if happens == "version":
        saved_states.__version__ = "0.0.1"
    read, rounds = pace.read_round, iter(range(9999))

    def eventful(*arguments: Any) -> Any:
        if next(rounds) == 1:
            if happens == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if happens == "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
            if happens == "memory":
                raise MemoryError("17 bytes too many")
        return read(*arguments)

    pace.read_round = eventful
    pace.stretch_tokens = lambda model: stretch


if __name__ == "__main__":
    main()

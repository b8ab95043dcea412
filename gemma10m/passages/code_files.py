"""Recognise files of code, where names are parts of longer ones and each line has a meaning of its own."""

from __future__ import annotations

from pathlib import PurePath

CODE = frozenset(
    """.asm .bash .c .cc .cfg .cmake .cpp .cs .css .cu .cuh .dart .ex .go .h .hpp .hs .ini .ipynb .java .jl .js .json
    .jsx .kt .lisp .lua .m .mjs .mk .ml .nim .php .pl .proto .ps1 .py .pyi .r .rb .rs .scala .sh .sql .swift .toml .ts
    .tsx .vue .xml .yaml .yml .zig""".split()
)
NAMED = frozenset("cmakelists dockerfile gnumakefile jenkinsfile makefile rakefile vagrantfile".split())
ROWS = frozenset(".csv .jsonl .log .srt .tsv .vtt".split())
COMPRESSED = frozenset(".bz2 .gz .xz .zst".split())


def is_code(path: str) -> bool:
    name = _uncompressed(path)
    return name.suffix in CODE or name.name.split(".")[0] in NAMED


def is_by_line(path: str) -> bool:
    """Tell if no sentence of the file continues in the next line."""
    return is_code(path) or _uncompressed(path).suffix in ROWS


def is_csv(path: str) -> bool:
    return _uncompressed(path).suffix == ".csv"


def _uncompressed(path: str) -> PurePath:
    name = PurePath(PurePath(path.lower()).name)
    return name.with_suffix("") if name.suffix in COMPRESSED else name

"""Hold our reading of `.gitignore` against git's own, on random trees: `compare_ignoring.py [TREES] [FIRST_SEED]`.

Each tree is a repository with nested folders, names full of brackets, spaces and backslashes, rules in any folder and
in `.git/info/exclude`, and now and then a repository inside. What is walked is its top or a folder in it.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from gemma10m.documents.repository import Walk
from gemma10m.documents.selection import Choice

LETTERS = ["a", "b", "c", "ab", "A", "é", "1", " ", "[", "]", "!", "#", "*", "?", "\\", "-", "^", ".", ":"]
WEIGHTS = [6, 6, 4, 4, 1, 1, 1, *[1] * 12]
PARTS = [
    "*",
    "**",
    "***",
    "?",
    "a*",
    "*b",
    "a**",
    "**b",
    "*a*b*",
    "[ab]",
    "[!a]",
    "[^a]*",
    "[[:alpha:]]",
    "[[:digit:]b]",
]
PARTS += [
    "[a-c]",
    "[c-a]",
    "[]a]",
    "[!]a]",
    "[\\]]",
    "[a\\-c]",
    "[",
    "[a",
    "[]",
    "[[:x:]]",
    "[[:alpha]",
    "[-a]",
    "[a-]",
]
PARTS += [
    "\\a",
    "\\*",
    "\\[",
    "a\\",
    "\\ ",
    "[a/b]",
    "[!/]",
    "[.-a]",
    "[[:upper:][:space:]]",
    "[a-[:alpha:]]",
    "[\\\\]",
]
RAW = "aabbc*?[]!^-\\/ #:é."


def random_name(chance: random.Random) -> str:
    name = "".join(chance.choices(LETTERS, WEIGHTS, k=chance.choice([1, 1, 1, 2, 2, 3])))
    return name if name.strip(".") else "a"


def random_rule(chance: random.Random, names: list[str]) -> str:
    if chance.random() < 0.25:
        return "".join(chance.choices(RAW, k=chance.randint(1, 8)))
    parts = [chance.choice(names if chance.random() < 0.5 else PARTS) for _ in range(chance.choice([1, 1, 1, 2, 2, 3]))]
    before = chance.choice(["", "", "", "!", "!", "\\", "#"]) + chance.choice(["", "", "/", "**/"])
    joint = chance.choice(["/", "/", "/", "/**/", "//", "\\/"])
    return (
        before + joint.join(parts) + chance.choice(["", "", "", "/", "/**", "/*", " ", "  ", "\\ ", "\\  ", "\r", "\t"])
    )


def random_rules(chance: random.Random, names: list[str]) -> str:
    rules = [random_rule(chance, names) for _ in range(chance.randint(1, 5))]
    if chance.random() < 0.1:
        rules = ["*", "!*/", *rules]
    start = "\ufeff" if chance.random() < 0.05 else ""
    return start + "\n".join(rules) + chance.choice(["", "\n"])


def make_tree(top: Path, chance: random.Random, git: dict[str, str]) -> None:
    """Make a repository below `top`, which is an empty folder."""
    folders = [top]
    names = [random_name(chance) for _ in range(8)]
    for _ in range(chance.randint(1, 5)):
        folder = chance.choice(folders) / chance.choice(names)
        if not folder.exists():
            folder.mkdir()
            folders.append(folder)
    for folder in folders:
        for name in chance.sample(names, chance.randint(1, 5)):
            make_entry(folder / name, chance)
        if chance.random() < 0.5:
            (folder / ".gitignore").write_text(random_rules(chance, names), newline="")
    for folder in [top, *(folder for folder in folders[1:] if chance.random() < 0.1)]:
        subprocess.run(["git", "init", "-q", "--template="], cwd=folder, env=git, check=True)
        if chance.random() < 0.4:
            (folder / ".git" / "info").mkdir()
            (folder / ".git" / "info" / "exclude").write_text(random_rules(chance, names), newline="")


def make_entry(path: Path, chance: random.Random) -> None:
    if path.exists() or path.is_symlink():
        return
    if chance.random() < 0.1:
        path.symlink_to(chance.choice([".", "nowhere"]))
    else:
        path.write_text("x")


def git_files(top: Path, git: dict[str, str]) -> set[str]:
    """Return what git does not ignore, in repositories inside as in their own tops."""
    listing = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    out = subprocess.run(listing, cwd=top, env=git, check=True, capture_output=True).stdout
    found = {os.fsdecode(path) for path in out.split(b"\0") if path}
    inside = {path for path in found if path.endswith("/")}
    return (found - inside) | {path + below for path in inside for below in git_files(top / path, git)}


def compare_tree(seed: int) -> str:
    """Return what differs in the tree of this seed; "" where nothing does."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        top = Path(name, "top")
        top.mkdir()
        git = {"PATH": os.environ["PATH"], "HOME": name, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": name}
        make_tree(top, chance, git)
        expected = git_files(top, git)
        roots = sorted({"", *(os.path.dirname(path) for path in expected)})
        root = chance.choice(["", *roots])
        below = {
            path[len(root) + 1 :] if root else path for path in expected if not root or path.startswith(root + "/")
        }
        found = set(Walk(str(top / root), Choice.of((), ())).run().files)
    missing, further = sorted(below - found), sorted(found - below)
    return f"tree {seed}, walked from {root!r}: not read {missing}, read {further}" if missing or further else ""


def main(trees: str = "1000", first: str = "0") -> int:
    different = [found for seed in range(int(first), int(first) + int(trees)) if (found := compare_tree(seed))]
    sys.stdout.write("".join(f"{line}\n" for line in different))
    sys.stdout.write(f"{int(trees) - len(different)} of {trees} trees are read as git lists them\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

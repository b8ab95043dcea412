"""Write docs/cli.md from the program: `python tools/write_cli_docs.py`. A test keeps the two in step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gemma10m.errors as errors

COMMANDS = ("ask", "summarize", "read", "find", "text", "states", "download", "info", "train", "eval", "bench")
INTRODUCTION = """# Command line

Standard output carries data: answers, paths, tables, or with `--json` one JSON object a line. Progress, notes and
errors go to standard error. Everything shown is sanitised: control characters and escape sequences of documents, file
names and model output come out as visible text such as `\\\\x1b`; in `--json` they are JSON escapes.

`--quiet` and `--no-color` work before and after the command's name. Colours also end with `NO_COLOR`, `TERM=dumb`, or
when standard error is no terminal. Shell completion: `gemma10m --install-completion`.

`gemma10m ask SOURCE... "Q"` and `-q Q` (repeatable) ask; without a question they come from standard input, one a line.
Each is answered on its own copy of the document's state. Words that are existing paths are sources, read as one
document; the last word is the question where no file has its name. With `-q` all words are sources.

`gemma10m find SOURCE... "WORDS"` shows the passages that have the most of the words, the best first, each by the
sentence that has most of them, as `file:line (place), bytes A-B`. It needs no model: the passages of a document are
indexed once and kept in the cache. `gemma10m text SOURCE` prints the text that a model reads; `--lines` and `--page`
print a part of one file, so that every line of a source can be checked. Into a pipe the text goes as it is.

`gemma10m states` lists the states in the cache, a line each: the first 8 characters of its name, the document, the
model and its memory, tokens, size with the passages, age. `--remove NAME` takes a name or a document's.

An answer is looked up in the document, sentence by sentence, unless `--recall off`. Its verdict is `verified`: each
sentence has its names, numbers, words and negations, in order, in one sentence or table row of the text; `unverified`:
it is shown, and a warning names each sentence that the text does not say like that; or `no answer`: the passages
closest to the question are shown. With `--strict` an unverified answer is withheld, too, and the exit code is 10 if a
question has no verified answer. `--sources` says where an answer stands, with quotes; `--json` always does. Beside
`answer` stand `verdict` (null where there was nothing to look it up in), `in_text` (whether it is verified, or null),
`not_in_text`, the sentences without a source, `unchecked_answer`, the model's own words, `truncated`, whether it was
cut off by `--max-new-tokens`, `closest`, the passages closest to the question where there is no answer, and `sources`.
Each of these two lists has:

| member | what it is |
| --- | --- |
| `file` | its path from the current folder (of an archive, inside it), as in `files` of `read --json` |
| `line` | of the quote's first character, from 1 |
| `place` | the page, chapter, cell or node that it is in; `""` where there are none |
| `start`, `stop` | byte offsets: the quote is the bytes from `start` up to, not including, `stop` |
| `quote` | the words themselves, null where the file is not at hand as it was read |
| `status` | of that file: `as read`, `changed`, `gone`, or `not at hand` where nobody knows |

Lines and bytes are the file's own, for plain text; of PDF, EPUB, HTML, DOCX, notebooks, Info manuals and compressed
files they are of the text that was taken out of them.

Beside every answer `--json` tells of the document by numbers: `fingerprint` (the same text has the same one),
`files_in_document`, `files_skipped`, `bytes_in_document` (of text), `tokens_in_document` and `tokens_read`. The files
themselves are listed once, by `read --json`, which computes nothing again for a document that was read: `files` (path,
nbytes, sha256, tokens) and `skipped` (path, reason).

`--recall N` is cut down, which is said, to what the window has room for beside the question and a short answer.

On a terminal, `ask SOURCE` without a question is a conversation: a question goes on from the answers before it.
Answers come as they are made; one that no passage says is told as such, and stands. `/sources` says where the last
answer stands, `/new` goes back to the document, `/save FILE` writes the questions and answers as JSON lines, `/help`
explains these; `/quit`, `/exit`, `quit`, `exit` or Ctrl-D ends; Ctrl-C drops the line or the question that is being
answered. What is typed meanwhile is not shown in the answer and waits for the next prompt. A line that begins with
anything but letters after the slash, such as `/etc/hosts`, is a question. The document's saved state never changes.

`ask SOURCE --questions FILE` answers a list: one question a line, or in a `.jsonl` objects with `question` and, if
wanted, `id`; `-` is standard input. It writes a JSON object for each answer, as `--json` does. With `--output
FILE.jsonl` they are added to that file one by one, and questions that it already answers for the same document, model
and sampling are skipped: a run that was killed goes on.

`summarize --by state` asks the state of the whole document. `--by sections` goes over its files, or over the chapters
of a single file (headings, else whole pages, chapters or cells, as many as the model sees at once, else parts of equal
size), sums each up and then the summaries, until one is left; several files get a line each, then the whole.
`--by refine` carries one summary through the document. The default is `state` for a model with a memory whose gates are
open, else `sections`. `--outline` says in one sentence what each section is about, and where it is:
`thesis.pdf:120 (pages 3-7)`. What was written stays in the user's cache folder, so that an interrupted run goes on.
With `--json` the summary's object has `summary`, `by` and `focus`; `tokens_read` by state, else `tokens_in_parts`, a
little more for the same text: it is counted piece by piece, and what lies at a cut is more tokens than in the whole.

`read` and `ask` keep a document's state under the user's cache folder (`gemma10m info` shows it) and go on from
there: after an interruption, when the file has grown, and at once when the document was read before.

A source is a text file (UTF-8, UTF-16 with its mark, else Windows-1252), PDF (`pip install 'gemma10m[pdf]'`), EPUB,
HTML, DOCX, ODT, RTF, mail (`.eml`, `.mbox`), notebook, Info manual or subtitles, also compressed by gzip, bzip2, xz or
zstd (`gemma10m[zstd]`), or a folder, zip or tar of those. A notice says what of a file could not be read, or was read in another way than it is
there: wrong bytes, missing chapters, files in base64.

Of a folder or an archive the list of files comes first, then the README, then the others in order.
HTML and notebooks are read as their text, in a repository too: `--exclude '*.html'` leaves them out. `--include` and
`--exclude` are refused where there is no folder and no archive to choose from.

Of a folder in a git repository, what git ignores is left out: the `.gitignore` of every folder from the top of the
repository down counts, and `.git/info/exclude`, also against files that git tracks. A user's own `core.excludesFile`
does not count, so that the same folder is the same document for everyone. A repository inside of another has its own
rules. A folder that is ignored itself is read when it is named. Links are not followed.

Also left out, in archives too, are dependencies (`node_modules`), lock files, minified and generated files (long lines
in JavaScript and CSS; `@generated` or `generated by ... DO NOT EDIT` in a comment at the start), what editors and
caches leave behind, and keys and passwords (`.env`, `*.pem`, `id_rsa`). `--all` reads these and what is ignored; a
file that is named is always read. A run says how many files of each kind it skipped, and names those that cannot be
read with the reason; `info SOURCE`, which takes the same options, adds an example of each kind, and `read --json` lists
every file.

`read -o FILE` writes the state to FILE and the document's passages to `FILE.passages`; other files of these names are
not written over. The passages take their place once the state is saved; where they cannot be written, the state is kept
and a warning says so. `ask FILE` then needs no document: zero of its tokens are computed again.

The model that is used when none is named is the environment variable `GEMMA10M_MODEL`, else the line
`model = "NAME"` of `config.toml` in the user's configuration folder (`~/.config/gemma10m` on Linux), else gemma-2B-10M
where it is downloaded, else small where it is installed. `gemma10m info` shows it.

Environment: `GEMMA10M_MODEL`; `HF_TOKEN`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` as for huggingface_hub; `XDG_CACHE_HOME`,
`XDG_CONFIG_HOME`, `XDG_DATA_HOME`; `OMP_NUM_THREADS`, without which a command computes with the cores that are free
when it starts; `GEMMA10M_TRACEBACK=1` shows the traceback of an error.

## Exit codes
"""
CODES = (
    (0, "", "done; also when the reader of a pipe went away"),
    (1, "Gemma10MError", "internal error: a bug"),
    (2, "UsageError", "wrong words on the command line"),
    (3, "DocumentError", "a source that cannot be read"),
    (4, "ModelError", "a checkpoint or tokenizer that cannot be used (`ConfigError` too)"),
    (5, "StateError", "a saved state that cannot be used"),
    (6, "OutOfMemoryError", "not enough memory"),
    (7, "DiskError", "not enough disk, or a file that cannot be written"),
    (8, "NetworkError", "the hub cannot be reached or refuses"),
    (9, "TrainingError", "a loss or gradient that is no number; the last good checkpoint stays"),
    (10, "NoAnswer", "with `--strict`, a question that has no verified answer"),
    (130, "Interrupted", "SIGINT; 143 after SIGTERM; a read's state was saved"),
)


def exit_codes() -> str:
    rows = ["| code | error | meaning |", "| --- | --- | --- |"]
    for code, name, meaning in CODES:
        if name and getattr(errors, name).exit_code != code:
            raise ValueError(f"{name} exits with {getattr(errors, name).exit_code}, not {code}")
        rows.append(f"| {code} | {f'`{name}`' if name else ''} | {meaning} |")
    return "\n".join(rows)


def help_text(*command: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    program = [sys.executable, "-c", "import sys; sys.argv[0] = 'gemma10m'; from gemma10m.cli import main; main()"]
    shown = subprocess.run([*program, *command, "--help"], env=environment, capture_output=True, text=True, check=True)
    return "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())


def document() -> str:
    parts = [INTRODUCTION.replace("\\\\", "\\"), exit_codes(), "", "## Help", "", "```", help_text(), "```"]
    for command in COMMANDS:
        parts += ["", f"### {command}", "", "```", help_text(command), "```"]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent.parent / "docs" / "cli.md").write_text(document(), encoding="utf-8")

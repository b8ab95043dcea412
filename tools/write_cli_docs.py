"""Write docs/cli.md from the program: `python tools/write_cli_docs.py`. A test compares the two."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gemma10m.errors as errors

COMMANDS = (
    "ask",
    "summarize",
    "read",
    "read-all",
    "find",
    "text",
    "states",
    "download",
    "info",
    "quantize",
    "train",
    "eval",
    "bench",
)
INTRODUCTION = """# Command line

Standard output carries data: answers, paths, tables, or with `--json` one JSON object a line. Progress, notes and
errors go to standard error. All output except that of `text` into a pipe is sanitised: control characters and escape
sequences in documents, file names and model output are shown as visible text such as `\\\\x1b`; in `--json` they are
JSON escapes.

`--quiet` and `--no-color` work before and after the command's name. `NO_COLOR` and `TERM=dumb` turn colours off, too,
and so does a standard error that is not a terminal. Shell completion: `gemma10m --install-completion`.

## Questions

`gemma10m ask SOURCE... "Q"` asks one question; `-q Q`, which is repeatable, asks several; without a question the
program reads them from standard input, one a line. Each is answered on its own copy of the document's state. Arguments
that are existing paths are sources, which are read as one document; the last argument is the question if no file has
its name. With `-q` every argument is a source.

On a terminal, `ask SOURCE` without a question holds a conversation: each question continues from the answers before
it. An answer is printed as it is generated, once it cannot become a refusal; after one that the text does not
support, the program prints a warning. A model's own refusal (`not in the text`) is not shown: there is no answer.
`/sources` cites the last answer, `/new` forgets the questions and answers so far, `/save FILE.jsonl` writes them as
JSON lines, `/help` explains the commands; `/quit`, `/exit`, `quit`, `exit` or Ctrl-D ends the conversation; Ctrl-C
drops the current line or answer. Keys typed during an answer are kept for the next prompt. A line whose slash is
followed by anything but letters, such as `/etc/hosts`, is a question. A conversation never changes the document's saved
state.

`ask SOURCE --questions FILE` answers a list: one question a line, or in a `.jsonl` file objects with `question` and an
optional `id`; `-` is standard input. It writes a JSON object for each answer, as `--json` does. `--output FILE.jsonl`
appends the answers to that file one by one and skips questions that it already answers for the same document, model
and sampling, so that a killed run resumes.

## Verdicts and sources

The program compares each answer with the document, sentence by sentence, unless `--recall off` is given and neither
`--sources`, `--strict` nor `--json`. The verdict is one of three:

* `verified`: the names, numbers, words, negations and conditions of each sentence are, in order, in one sentence or
  table row of the text. Names and numbers of the question that the answer leaves out (`14 men.`) must be there, too,
  at least one of its words, and those that the sentence has must fit the order; no other name may come between, nor a
  number that may be meant instead.
* `unverified`: the answer is shown. A warning names each sentence that the text does not support, and tells if a
  sentence of the text has its words but not the question's, or in another order or with another negation.
* `no answer`: the model says that it knows none, or the text supports none and no passage has a word of the question.
  The answer is withheld, the passages closest to the question are shown, and the exit code is 10. The program prints
  `The text does not contain the answer.` only if the question's words were searched for and no passage has one.

`--strict` withholds unverified answers, too, and shows the passages closest to the question; the exit code is 10 if a
question has no verified answer. The code comes after all questions; a conversation ends with 0. `--sources` cites the
places that support the answer, with quotes.

`--json` always gives sources. Beside `answer` an object has `verdict` (null if the answer was not compared), `in_text`
(true if it is verified, else false or null), `not_in_text`, the sentences without a source, `unchecked_answer`, the
model's own words, `truncated`, true if `--max-new-tokens` cut the answer off, `parts`, the questions and answers that
an answer was made from, where there are several, `closest`, the passages closest to a question whose answer is
withheld, and `sources`. Each item of the last two lists has:

| member | meaning |
| --- | --- |
| `file` | its path from the current folder (for an archive, the path inside it), as in `files` of `read --json` |
| `line` | the line of the quote's first character, from 1 |
| `place` | the page, chapter, sheet, slide, cell or node with the quote; `""` if the format has no such places |
| `start`, `stop` | byte offsets: the quote is the bytes from `start` up to, not including, `stop` |
| `quote` | the quoted text, null if the file is not available as it was read |
| `status` | the state of that file: `as read`, `changed`, `gone`, or `not found` if it cannot be looked up |

Lines and bytes of plain text are the file's own; those of PDF, EPUB, HTML, office documents, notebooks, Info manuals
and compressed files count in the text that was extracted from them.

Every answer in `--json` also describes the document: `fingerprint` (the same for the same text), `files_in_document`,
`files_skipped`, `bytes_in_document` (of text), `tokens_in_document` and `tokens_read`. `read --json` lists the files:
`files` (path, nbytes, sha256, tokens) and `skipped` (path, reason); for a document that was read before it computes
nothing again.

`--recall N` is reduced to what fits the window beside the question and a short answer, with a warning.

## Search and text

`gemma10m find SOURCE... "WORDS"` shows the passages that contain the most of the words, best first: each sentence in
them that has any of the words, with its place as `file:line (place), bytes A-B`. A note says if more than `--limit`
passages have them. This needs no model: the passages of a document are indexed once, and the index is kept in the
cache; if that cannot be written, the index is made in a temporary folder each time. `gemma10m text SOURCE` prints the
text that a model reads, so that you can check every line of a source; `--lines` and `--page` print a part of one file.
A pipe gets the text unchanged.

## Summaries

`summarize --by state` asks the state of the whole document. `--by sections` summarizes its files, or the chapters of a
single file, and then the summaries, until one is left; several files get a line each, then the whole. Chapters are
headings, else whole pages, chapters or cells, as many as the model sees at once, else parts of equal size. `--by
refine` carries one summary through the document. The default is `state` for a model with a memory whose gates are
open, else `sections`. `--outline` writes one sentence about each section, with its place: `thesis.pdf:120 (pages
3-7)`. The cache keeps what was written, so that an interrupted run resumes. With `--json` the summary's object has
`summary`, `by` and `focus`, and `tokens_read` by state, else `tokens_in_parts`: that is a little more for the same
text, because the parts are tokenized one by one.

A summary has no sentence twice, ends with a whole sentence, and is within a quarter of `--words` where the model says
enough: it is asked once for more, and a summary of summaries that is too short gives way to those, joined. A line of an
outline in quotes (`"extract": true` with `--json`) is a sentence of the section: the model's had names, numbers or more
than a third of its words from elsewhere. The adapters that ship with `small` and `large` answer questions, and are left
out unless you name one with `--adapter`, or a saved state that was read with it.

## States

`read` and `ask` save a document's state in the user's cache folder (`gemma10m info` shows it). They resume from it
after an interruption or when the file has grown, and use it at once when the document was read before.

`read -o FILE` writes the state to FILE and the document's passages to `FILE.passages`; it does not overwrite another
document's state nor other files of these names. The passages are moved into place once the state is saved; if they
cannot be written, the state is kept and the program prints a warning. `ask FILE` then needs no document and computes
none of its tokens again.

`gemma10m states` lists the states in the cache, one a line: the first 8 characters of its name, the document, the
model and its memory, tokens, size with the passages, age. After them come the passages that have no state, as `find`
leaves them and `ask` with a model that only searches: they are named by the first file. `--remove NAME` takes the first
word of a line or the name of a document.

## Many documents

`read-all LIST|FOLDER -o STATES` reads each document of a folder or a list into a state of its own below STATES, in
processes of this machine or with `--ray` on those of a cluster, and indexes all passages together. What is there
already is skipped. `ask STATES` and `find STATES` then search all documents at once; the best three answer, each with
its name and places. A folder is taken for a library if it holds `library.passages`, or states and nothing else.
[The guide](guides/library.md) has the rules and the limits.

## Sources

A source is a text file (UTF-8, UTF-16, or an old encoding that is guessed, with a notice),
PDF (`pip install 'gemma10m[pdf]'`), EPUB, HTML, DOCX (Word's XML, too), XLSX, PPTX, ODT, ODS, ODP,
XLS (`gemma10m[office]`), RTF, FB2, mail (`.eml`, `.emlx`, `.mbox`), notebook, Info manual, man page or subtitles,
also compressed by gzip, bzip2, xz or zstd (`gemma10m[zstd]`), or a folder, zip or tar of those. A warning names what
could not be read, or was read differently: wrong bytes, missing chapters, hidden sheets, files in base64.

A folder or an archive begins with the list of its files, then the README, then the others in order. HTML and notebooks
are read as their text, in a repository, too: `--exclude '*.html'` leaves them out. `--include` and `--exclude` are
refused without a folder or an archive to choose from.

In a git repository, files that git ignores are left out: the `.gitignore` of every folder from the top of the
repository down applies, and `.git/info/exclude`, also to files that git tracks. A user's own `core.excludesFile` does
not apply, so that the same folder is the same document for everyone. A repository inside another has its own rules. A
folder that is ignored itself is read if you name it. Links are not followed.

Also left out, in archives, too, are dependencies (`node_modules`), lock files, minified and generated files (long
lines in JavaScript and CSS; `@generated` or `generated by ... DO NOT EDIT` in a comment at the start), files that
editors and caches leave behind, and keys and passwords (`.env`, `*.pem`, `id_rsa`). `--all` reads these and ignored
files; a file that you name is always read. Every run reports how many files of each kind it skipped, and names those
that cannot be read, with the reason; `info SOURCE`, which takes the same options, adds an example of each kind, and
`read --json` lists every file.

## Questions with known answers

`gemma10m eval qa --questions FILE.jsonl --data DOCUMENT` reads the document once and asks each question as `ask` does.
A line of the file is `{"question": "...", "answers": ["..."], "sources": ["..."]}`: every answer that is right, none
where the document does not answer, and the sentences that hold the answer, which may be left out. With `--recall off`
no passages are read again, with `--given` those that hold the sources, at most two, instead of retrieved ones;
`--memory window` takes the memory away. [recall.md](recall.md#questions-with-known-answers) explains the scores.

Each run appends a row to `--results`. What was said to each question is in a file beside it until then: the same
command resumes an interrupted run of the same commit. `--details` writes it into a new file, with verdict and scores.

## Default model and environment

Without `--model` the program uses the environment variable `GEMMA10M_MODEL`, else the line `model = "NAME"` of
`config.toml` in the user's configuration folder (`~/.config/gemma10m` on Linux), else gemma-2B-10M if it is
downloaded, else large or small, whichever is installed, large first. `gemma10m info` shows the default and where
`config.toml` belongs; a warning names a line of that file that means nothing.

Environment: `GEMMA10M_MODEL`; `HF_TOKEN`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` as for huggingface_hub; `XDG_CACHE_HOME`,
`XDG_CONFIG_HOME`, `XDG_DATA_HOME`; `OMP_NUM_THREADS`, without which a command uses the cores that are free when it
starts; `GEMMA10M_TRACEBACK=1` shows the traceback of an error.

## Exit codes
"""
CODES = (
    (0, "", "done; also if the reader of a pipe closed it"),
    (1, "Gemma10MError", "internal error: a bug"),
    (2, "UsageError", "a command line that cannot be used"),
    (3, "DocumentError", "a source that cannot be read"),
    (4, "ModelError", "a checkpoint or tokenizer that cannot be used (`ConfigError` too)"),
    (5, "StateError", "a saved state that cannot be used"),
    (6, "OutOfMemoryError", "not enough memory"),
    (7, "DiskError", "not enough disk, or a file that cannot be written"),
    (8, "NetworkError", "a hub that cannot be reached or refuses; no Ray at an address; a rank that is gone"),
    (9, "TrainingError", "a loss or gradient that is not a number; the last good checkpoint is kept"),
    (10, "NoAnswer", "a question without an answer, or with `--strict` without a verified one; a `find` without a hit"),
    (130, "Interrupted", "SIGINT; 143 for SIGTERM; a read's state is saved"),
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

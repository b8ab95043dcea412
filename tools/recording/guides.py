"""List what each guide records: its documents, its commands, and what a reader of them answers to its questions.

The questions are not chosen by their outcome: some are answered wrongly, and the page then says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gemma10m.errors import NoAnswer
from recording.desk_files import lay_out_mailbox, lay_out_manual, lay_out_novel, lay_out_repository
from recording.judging import Known


@dataclass(frozen=True)
class Step:
    command: str  # for bash; a line that ends with a backslash is continued
    known: tuple[Known, ...] = ()  # only of `gemma10m ask`

    @property
    def asked_again(self) -> str:
        """Return the command that gives the same answers as JSON, and succeeds without an answer, too."""
        question = re.split(r"[\s\\]*\|", self.command)[0].removesuffix(" --json")
        return f"{question} --json || test $? -eq {NoAnswer.exit_code}"


@dataclass(frozen=True)
class Guide:
    name: str  # its page is docs/guides/NAME.md
    lay_out: Callable[[Path, Path | None], None]
    steps: tuple[Step, ...]


NOVEL = Guide(
    "books",
    lay_out_novel,
    (
        Step(
            'gemma10m ask persuasion.txt "Who is Sir Walter\'s heir?" --sources',
            (
                Known(
                    "Who is Sir Walter's heir?",
                    ("William Walter Elliot", "Mr Elliot", "Mr William Elliot"),
                    "Heir presumptive, William Walter Elliot, Esq., great grandson of the second Sir Walter.",
                ),
            ),
        ),
        Step(
            'gemma10m ask persuasion.txt -q "Who had been engaged to Captain Harville\'s sister?" \\\n'
            '    -q "How many times has Mrs Croft crossed the Atlantic?" \\\n'
            '    -q "At which inn do the Musgroves stay when they are in Bath?" \\\n'
            '    -q "In which battle did Captain Harville receive his wound?"',
            (
                Known(
                    "Who had been engaged to Captain Harville's sister?",
                    ("Captain Benwick", "Benwick", "James Benwick"),
                    "He had been engaged to Captain Harville's sister, and was now mourning her loss.",
                ),
                Known(
                    "How many times has Mrs Croft crossed the Atlantic?",
                    ("four times", "four", "4"),
                    "I have crossed the Atlantic four times, and have been once to the East Indies, and back again",
                ),
                Known(
                    "At which inn do the Musgroves stay when they are in Bath?",
                    ("White Hart",),
                    "They were come to Bath for a few days with Mrs Musgrove, and were at the White Hart.",
                ),
                Known("In which battle did Captain Harville receive his wound?"),
            ),
        ),
        Step(
            'gemma10m ask persuasion.txt --strict \\\n    "Who taught the widow in Westgate Buildings to knit?" \\\n'
            '    || echo "exit code $?"',
            (
                Known(
                    "Who taught the widow in Westgate Buildings to knit?",
                    ("Nurse Rooke", "Mrs Rooke", "her nurse", "the nurse"),
                    "As soon as I could use my hands she taught me to knit, which has been a great amusement;",
                ),
            ),
        ),
        Step('gemma10m find persuasion.txt "White Hart" --limit 2'),
        Step("gemma10m text persuasion.txt --lines 7087-7092"),
        Step('gemma10m ask persuasion.txt -m demo \\\n    "What is the special magic number for amber-lantern?"'),
    ),
)

MANUAL = Guide(
    "pdf",
    lay_out_manual,
    (
        Step("gemma10m info policy.pdf"),
        Step(
            'gemma10m ask policy.pdf --sources \\\n    "Which file should a program touch if a reboot is required?"',
            (
                Known(
                    "Which file should a program touch if a reboot is required?",
                    ("/run/reboot-required",),
                    "Programs can signal that a reboot is required by touching /run/reboot-required.",
                ),
            ),
        ),
        Step(
            'gemma10m ask policy.pdf -q "Who was the original author of the manual?" \\\n'
            '    -q "What is the shortest name that a package can have?" \\\n'
            '    -q "When are the contents of /run lost?" \\\n'
            '    -q "Which number does the group games have?"',
            (
                Known(
                    "Who was the original author of the manual?",
                    ("Ian Jackson",),
                    "Originally called “Debian GNU/Linux Policy Manual”, this manual was initially written in 1996 by "
                    "Ian Jackson.",
                ),
                Known(
                    "What is the shortest name that a package can have?",
                    ("two characters", "two", "2 characters"),
                    "They must be at least two characters long and must start with an alphanumeric character.",
                ),
                Known(
                    "When are the contents of /run lost?",
                    ("at boot", "at each boot", "when the system boots"),
                    "The directory /run is cleared at boot, normally by being a mount point for a temporary file "
                    "system.",
                ),
                Known("Which number does the group games have?"),
            ),
        ),
        Step('gemma10m find policy.pdf "cleared at boot" --limit 2'),
        Step("gemma10m text policy.pdf --page 91 | grep -n /run"),
        Step('gemma10m find policy.pdf "reboot required" --json | jq -r .place | sort -u'),
    ),
)

REPOSITORY = Guide(
    "repositories",
    lay_out_repository,
    (
        Step("gemma10m info project/"),
        Step(
            'gemma10m ask project/ "How many lines may a function have?" --sources',
            (
                Known(
                    "How many lines may a function have?",
                    ("40", "at most 40", "forty"),
                    "files of at most 400 lines, functions of at most 40",
                ),
            ),
        ),
        Step(
            'gemma10m ask project/ -q "Which class has the exit code 9?" \\\n'
            '    -q "How often does a log get a line of progress?" \\\n'
            '    -q "Which function returns the folder of the demo model?" \\\n'
            '    -q "Who is the maintainer of this project?"',
            (
                Known(
                    "Which class has the exit code 9?",
                    ("TrainingError",),
                    "class TrainingError(Gemma10MError):",
                ),
                Known(
                    "How often does a log get a line of progress?",
                    ("every ten seconds", "ten seconds", "at most every ten seconds"),
                    "Write progress to a log: a line at most every ten seconds, and the last one.",
                ),
                Known(
                    "Which function returns the folder of the demo model?",
                    ("demo_folder",),
                    "def demo_folder() -> Path:",
                ),
                Known("Who is the maintainer of this project?"),
            ),
        ),
        Step('gemma10m find project/ "exit_code = 9" --limit 2'),
        Step("gemma10m find project/ \"exit code\" --include '*.md' --limit 2"),
        Step("gemma10m find project/ exit_code --json | jq -r .file | sort | uniq -c"),
    ),
)

MAILBOX = Guide(
    "mailbox",
    lay_out_mailbox,
    (
        Step(
            'gemma10m ask mailbox.mbox "What does the new kiln cost?" --sources',
            (
                Known(
                    "What does the new kiln cost?",
                    ("2,890 euros",),
                    "The front loader of 100 litres costs 2,890 euros with its controller, and the delivery another "
                    "140 euros.",
                ),
            ),
        ),
        Step(
            'gemma10m ask mailbox.mbox -q "When will the kiln be delivered?" \\\n'
            '    -q "Who has the key of the shed?" \\\n'
            '    -q "Which stand do we have at the market in Lübeck?" \\\n'
            '    -q "Who paid for the electrician\'s cable?"',
            (
                Known(
                    "When will the kiln be delivered?",
                    ("19 April",),
                    "We can deliver the kiln on 19 April and not on 12 April.",
                ),
                Known(
                    "Who has the key of the shed?",
                    ("Ruth", "Ruth Adeyemi"),
                    "I have it already: Mr Okafor of the town hall gave it to me on Thursday.",
                ),
                Known(
                    "Which stand do we have at the market in Lübeck?",
                    ("37", "stand 37"),
                    "We have stand 37, beside the fountain.",
                ),
                Known("Who paid for the electrician's cable?"),
            ),
        ),
        Step('gemma10m find mailbox.mbox "offer attached" --limit 2'),
        Step('gemma10m text mailbox.mbox --page "message 3"'),
        Step("gemma10m text mailbox.mbox | grep ^Subject: | sort | uniq -c"),
        Step(
            'gemma10m ask mailbox.mbox "How much does the kiln weigh?" --json \\\n'
            "    | jq -r '[.answer, .verdict, .sources[0].place] | @tsv'",
            (
                Known(
                    "How much does the kiln weigh?",
                    ("160 kilograms", "160 kg"),
                    "It weighs 160 kilograms, so please have four people ready.",
                ),
            ),
        ),
    ),
)

GUIDES = {guide.name: guide for guide in (NOVEL, MANUAL, REPOSITORY, MAILBOX)}

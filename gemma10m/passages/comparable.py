"""Read sentences as what is compared: names, numbers, content words, negations, and where clauses join."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gemma10m.passages.dates import with_plain_dates
from gemma10m.passages.folding import fold
from gemma10m.passages.numbers import NUMBER, QUALIFIERS, Number, has_decimal_comma, read_number
from gemma10m.passages.words import LETTER, UNSPACED, plain_letters, stems

# Words that a sentence may leave out or put in. What changes a meaning is compared: before, all, above, more.
FUNCTION = frozenset(
    """a an the this that these those there here it its itself he him his himself she her hers herself they them their
    theirs themselves we us our i me my you your one what when where how why
    am is are was were be been being do does did done doing have has had having
    of in at on to by for from with as than into onto upon so then also too very just yes please
    i'm i've you're you've we're we've they're they've he's she's it's that's there's what's who's""".split()
)
NEGATIONS = frozenset(
    """no not never nor neither without cannot hardly scarcely barely rarely seldom few little false untrue deny denies
    denied denying refuse refuses refused refusing fail fails failed failing lack lacks lacked instead except nicht kein
    keine keinen keiner keinem nie niemals ohne weder ne pas jamais sans non aucun aucune nunca sin ni nem sem nao não
    niet geen zonder не нет без никогда""".split()
)
NOBODY = frozenset("nobody none nothing nowhere niemand nichts personne rien nadie nada никто ничего".split())
MODALS = frozenset(
    """will would shall should can could may might must ought
    i'll you'll he'll she'll it'll we'll they'll i'd you'd he'd she'd we'd they'd""".split()
)
CONDITIONS = frozenset("if unless whether perhaps maybe probably possibly".split())
JOINTS = frozenset(
    "and but or while whereas whilst although though because und aber oder et mais ou y pero o e".split()
)
_OPPOSED = frozenset("to by from into onto".split())  # who gave and who was given hang on them
PREPOSITIONS = _OPPOSED.union("of in at on for with as".split())
BEING = frozenset("am is are was were be been being".split())
_LINKS = PREPOSITIONS | BEING
# One character each: 不 and its like, and what ends a Japanese verb that is denied.
_UNSPACED_NEGATION = re.compile("[不没沒无無非未勿莫否别別]|ない|なかった|ません|ず(?=[、。にと])|ไม่|មិន|ບໍ່|မ")
# A word ends where another of these scripts begins, or one of these words.
_SCRIPTS = ("[\u3040-\u309f]", "[\u30a0-\u30ff]", "[\u0e00-\u0eff]", "[\u0f00-\u109f]", "[\u1780-\u17ff]")
_PARTICLES = frozenset(
    "はがをにでとのもへや的在是了和与與于於把被给給到从從叫为為有对對向就也都及或以则則之他她它我你们們这這那个個说說等会會将將由"
)
_CUT = re.compile(f"[{''.join(_PARTICLES)}]|什么|几|哪里|哪儿|多少|何处|どこ|だれ|何|谁|誰")
_NUMERALS = frozenset("零〇一二三四五六七八九十百千万萬億亿两兩半")
_MONTH = re.compile(r"(?:(?<=\d )|(?<=\d\. )|(?<=\b[io][nf] ))May\b|May(?=,? \d)")  # no "may"
_NAME_GOES_ON = re.compile(r"[\s.]*")
_SPACED = rf"(?:(?!{UNSPACED.pattern}){LETTER})+"
_TOKEN = re.compile(
    rf"{NUMBER}|(?P<unspaced>(?:{UNSPACED.pattern})+)"
    rf"|(?P<word>{_SPACED}(?:(?:[-'.]|::){_SPACED})*)"
    rf"|(?P<strong>;|[:?!](?!\w))|(?P<joint>[.](?=\s(?-i:[a-z]))|[,、()\[\]|€$£¥]|--|\s-\s)",
    re.IGNORECASE | re.VERBOSE,
)
_SPECIAL = re.compile(r"[\d_-]")
_BESIDE_DIGITS = re.compile(rf"(?<=\d)(?={UNSPACED.pattern})|(?<={UNSPACED.pattern})(?=\d)")
CONTENT = frozenset(("word", "name", "number", "unspaced"))


@dataclass(frozen=True)
class Term:
    kind: str  # one of CONTENT, "negation", "condition", "modal", "joint" or "strong", which the first two do not cross
    key: str  # stem of a word
    plain: str = ""  # the word as it is written, in lower case
    number: Number | None = None
    phrase: int = -1  # names side by side have one
    possessive: bool = False
    special: bool = False  # it has a digit, a hyphen or an underscore: it means one thing, as a name does
    asked: bool = False  # it stands in a question, which turns words about
    link: str = ""  # the last preposition, or form of "be", since the word before

    @property
    def direction(self) -> str:
        return self.link if self.link in _OPPOSED else ""

    def says(self, other: Term, heading: frozenset[str] = frozenset()) -> bool:
        """Return whether the other, in a text, is the same."""
        if self.number or other.number:
            return bool(self.number and other.number and self.number.says(other.number, heading))
        if self.kind == "unspaced":
            return other.kind == "unspaced" and (self.key in other.key if self.asked else _holds(other.key, self.key))
        if other.kind not in CONTENT:
            return False
        if self.kind == other.kind == "name":
            return self.plain == other.plain and (other.asked or self._owns_as(other))
        return self.key == other.key

    def _owns_as(self, other: Term) -> bool:
        return other.possessive <= self.possessive if self.asked else other.possessive == self.possessive


def read_terms(texts: Sequence[str]) -> list[list[Term]]:
    """Return each text's tokens in order; function words are left out."""
    folded = [_BESIDE_DIGITS.sub(" ", with_plain_dates(" ".join(fold(text).split()))) for text in texts]
    matches = [list(_TOKEN.finditer(text)) for text in folded]
    words = {_bare(match["word"])[0] for found in matches for match in found if match["word"]}
    known = stems(sorted(words))
    return [_Reader(text, known).tokens(found) for text, found in zip(folded, matches, strict=True)]


def as_asked(tokens: Sequence[Term]) -> list[Term]:
    """Return a question's tokens, those of a script without spaces cut into what may stand elsewhere in a sentence."""
    cut = [
        replace(token, key=part)
        for token in tokens
        for part in ((_CUT.split(token.key)) if token.kind == "unspaced" else (token.key,))
        if token.kind != "unspaced" or len(part) > 1
    ]
    return [replace(token, asked=True) for token in cut]


class _Reader:
    def __init__(self, text: str, known: dict[str, str]) -> None:
        self._text, self._stems = text, known
        self._comma = has_decimal_comma(text)
        self._found: list[Term] = []
        self._link, self._waiting = "", 0  # qualifiers that stand directly before what comes next
        self._phrase, self._name_end = 0, -1

    def tokens(self, matches: Sequence[re.Match[str]]) -> list[Term]:
        for match in matches:
            if match["word"]:
                self._word(match)
            elif match["unspaced"]:
                self._add(Term("unspaced", match[0].casefold()))
                self._found += [Term("negation", "") for _ in _UNSPACED_NEGATION.finditer(match[0])]
            elif match["strong"] or match["joint"]:
                self._add(Term("strong" if match["strong"] else "joint", match[0], match[0]))
            else:
                self._number(match)
        return self._found

    def _add(self, token: Term, waiting: int = 0) -> None:
        self._found.append(replace(token, link=self._link) if self._link else token)
        self._link, self._waiting = "", waiting

    def _number(self, match: re.Match[str]) -> None:
        before = frozenset(token.plain for token in self._found[len(self._found) - self._waiting :])
        if self._waiting:
            del self._found[-self._waiting :]
        number = read_number(match, self._comma)
        number = replace(number, qualifiers=number.qualifiers | before)
        self._add(Term("number", number.value, number=number))

    def _word(self, match: re.Match[str]) -> None:
        word, possessive = _bare(match["word"])
        if word in JOINTS:
            self._add(Term("joint", word))
        elif (marks := _marks(word, self._link)) and not _MONTH.match(self._text, match.start()):
            self._found += [Term(kind, key, word) for kind, key in marks]
            self._waiting = 0
        elif word in FUNCTION:
            self._link = word if word in _LINKS else self._link
        else:
            waiting = self._waiting + 1 if word in QUALIFIERS else 0
            self._add(self._content(match, word, possessive), waiting)

    def _content(self, match: re.Match[str], word: str, possessive: bool) -> Term:
        special = _SPECIAL.search(match["word"].strip("_")) is not None
        if not match["word"].lstrip("_")[:1].isupper():
            return Term("word", self._stems[word], word, special=special)
        if not _NAME_GOES_ON.fullmatch(self._text, max(0, self._name_end), match.start()) or self._name_end < 0:
            self._phrase += 1
        elif self._found:
            self._link = self._link or self._found[-1].link  # a name's words stand in one place
        self._name_end = match.end()
        return Term("name", self._stems[word], plain_letters(word), None, self._phrase, possessive, special=special)


def _marks(word: str, link: str) -> list[tuple[str, str]]:
    """Return the negation, the condition and the modal verb in a word; "as if" makes no condition."""
    if word == "cannot" or word.endswith("n't"):
        verb = {"ca": "can", "wo": "will", "sha": "shall"}.get(word[:-3], word[:-3])
        return [("negation", ""), *([("modal", verb)] if verb in MODALS else [])]
    if word in NOBODY:
        return [("negation", ""), ("word", word)]
    if word in NEGATIONS:
        return [("negation", "")]
    if word in CONDITIONS:
        return [] if link == "as" else [("condition", word)]
    if word in MODALS:
        return [("modal", {"'ll": "will", "'d": "would"}.get(word[word.find("'") :], word))]
    return []


def _bare(written: str) -> tuple[str, bool]:
    """Return the word in lower case, without hyphens, emphasis (_so_) and 's, and if it is a possessive."""
    word = written.casefold().replace("-", "")
    if word.count("_") == 2 and word.startswith("_") and word.endswith("_"):
        word = word.strip("_")
    word = word.rstrip("_'.") or word
    return (word[:-2], True) if word.endswith("'s") and word not in FUNCTION else (word, False)


def _holds(run: str, part: str) -> bool:
    """Return whether a run of letters without spaces has the part, and no word continues before or after it."""
    return any(_ends(run[: at[0]][-1:], part[:1]) and _ends(part[-1:], run[at[1] :][:1]) for at in _places(run, part))


def _places(run: str, part: str) -> Iterator[tuple[int, int]]:
    at = run.find(part)
    while at >= 0:
        yield at, at + len(part)
        at = run.find(part, at + 1)


def _ends(before: str, after: str) -> bool:
    if not before or not after:
        return True
    if before in _NUMERALS and after in _NUMERALS:
        return False
    if before in _PARTICLES or after in _PARTICLES:
        return True
    return any(bool(re.match(script, before)) != bool(re.match(script, after)) for script in _SCRIPTS)

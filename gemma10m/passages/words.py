"""Choose the words of a question or an answer that say what it is about, and those of them that a text has."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from gemma10m.passages.folding import searchable, unpointed

# Letters, digits, and the marks above and below them that are no letters: accents, points, vowels of Indian scripts.
LETTER = r"[\w\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u109f\u1780-\u17d3]"
WORD = re.compile(rf"{LETTER}+(?:(?:[-'.]|(?<=\d),(?=\d)){LETTER}+)*")
# Words that stand in every passage of English, or that only ask: no passage is found by them.
EMPTY = frozenset(
    """a about after again all also am an and any are as at be because been before being between both but by can could
    did do does doing down during each for from further had has have having he her here hers him his how i if in into is
    it its itself just know me more most my no nor not never neither now of off on once only or other our out over own
    please remember same say says she should so some such tell than that the their theirs them then there these they
    this those through to too under until up us very was we were what when where which while who whom whose why will
    with without would yes you your ain't aren't can't cannot couldn't daren't didn't doesn't don't hadn't hasn't
    haven't he'd he'll how'd i'd i'll i'm i've isn't it'd it'll mightn't mustn't needn't oughtn't shan't she'd she'll
    shouldn't that'd that'll there'd there'll they'd they'll they're they've wasn't we'd we'll we're we've weren't
    what'll what're who'd who'll who're who've won't wouldn't you'd you'll you're you've""".split()
)
TITLES = frozenset(("Mr", "Mrs", "Ms", "Dr", "St"))  # whose full stop ends no sentence
# Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan: words stand side by side.
_LONG = "\u0e00-\u109f\u1780-\u17ff"  # whose words are longer than two characters
UNSPACED = re.compile(f"[{_LONG}\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# Searched by characters, as words of two are common; so is Korean, where particles follow a word without a space.
_SHORT = "\u3005-\u3007\u3040-\u30ff\u3105-\u312f\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
_CHARACTER = re.compile(f"[{_SHORT}{_LONG}]")
_RUNS = re.compile(f"[{_SHORT}]+|[{_LONG}]+|[^{_SHORT}{_LONG}]+")
_SHORT_GRAM, _LONG_GRAM, _TRIGRAM = 2, 3, 3  # characters that are searched together; in code
STEMMED = "porter unicode61 remove_diacritics 2"  # FTS5's tokenizer: what it takes for one word


def telling(text: str) -> list[str]:
    """Return the words that carry meaning, each once, in their order and in lower case; of a script that puts no spaces
    between them, every two or three characters.
    """
    words = (match[0].removesuffix("'s") for match in WORD.finditer(unpointed(text)))
    return list(dict.fromkeys(piece for word in words for piece in _pieces(word) if piece not in EMPTY))


def spaced(text: str) -> str:
    """Put spaces around each character of a script that has none: FTS5 takes all between two spaces for one word."""
    return text if text.isascii() else _CHARACTER.sub(r" \g<0> ", text)


def name_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where runs of capitalised words begin and end in a folded text, without words before them that only ask."""
    run, stop = list[re.Match[str]](), 0
    for match in WORD.finditer(text):
        between = text[stop : match.start()]
        joined = between == " " or (between == ". " and bool(run) and run[-1][0] in TITLES)
        if run and not (joined and match[0][0].isupper()):
            yield run[0].start(), run[-1].end()
            run = []
        if match[0][0].isupper() and (run or match[0].casefold() not in EMPTY):
            run.append(match)
        stop = match.end()
    if run:
        yield run[0].start(), run[-1].end()


def standing(words: Sequence[str], texts: Sequence[str]) -> list[list[str]]:
    """Return the words that each text has: whole ones, endings and accents aside, as the index finds them; in a script
    without spaces as a part of others.
    """
    folded = [searchable(text) for text in texts]
    terms = _terms([*folded, *words])
    asked = dict(zip(words, terms[len(texts) :], strict=True))

    def stands(word: str, text: str, found: str) -> bool:
        return word in text if _CHARACTER.search(word) else bool(asked[word].strip()) and asked[word] in found

    return [
        [word for word in words if stands(word, text, found)]
        for text, found in zip(folded, terms[: len(texts)], strict=True)
    ]


def stems(words: Sequence[str]) -> dict[str, str]:
    """Return what FTS5 makes of each word; of a name in code, or one with a digit, the word itself."""
    found = _terms(words)
    return {
        word: stem.strip().replace(" ", "") if plain_letters(word).isalpha() and stem.strip() else word
        for word, stem in zip(words, found, strict=True)
    }


def plain_letters(word: str) -> str:
    """Remove the accents that FTS5 removes, too."""
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", re.sub("(?<=[a-z])[\u0300-\u036f]+", "", unicodedata.normalize("NFD", word)))


def _terms(texts: Sequence[str]) -> list[str]:
    """Return the terms that FTS5 makes of each text, between spaces, so that words are compared as it has them."""
    found: list[list[str]] = [[] for _ in texts]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize='{STEMMED}')")
        database.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(words, instance)")
        database.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", enumerate(map(spaced, texts)))
        for term, number in database.execute("SELECT term, doc FROM terms ORDER BY doc, offset"):
            found[number].append(term)
    return [f" {' '.join(terms)} " for terms in found]


def _pieces(word: str) -> Iterator[str]:
    for run in [word] if word.isascii() else _RUNS.findall(word):
        if _CHARACTER.match(run):
            yield from _grams(run, _SHORT_GRAM if run[0] > "\u3000" else _LONG_GRAM)
        elif WORD.search(run):
            yield run


def _grams(word: str, size: int) -> list[str]:
    """Return every so many characters of the word, each once; all of a shorter word."""
    return list(dict.fromkeys(word[start : start + size] for start in range(max(1, len(word) - size + 1))))


def as_words(words: list[str]) -> str:
    """Return an FTS5 query for passages that have any of the words; one with a hyphen is a phrase, or one word."""
    spelt = dict.fromkeys(each for word in words for each in (word, word.replace("-", "")))
    return as_phrases(spelt)


def as_phrases(words: Iterable[str]) -> str:
    """Return an FTS5 query for any of the words or names, each a phrase."""
    return " OR ".join(f'"{spaced(word).strip()}"' for word in words)


def as_trigrams(words: list[str]) -> str:
    """Return an FTS5 query for any of the words as a part of others."""
    return " OR ".join(f"({query})" for word in words if (query := _trigrams(word)))


def _trigrams(word: str) -> str:
    return " AND ".join(f'"{piece}"' for piece in _grams(word, _TRIGRAM) if len(piece) == _TRIGRAM)

"""Compare an answer with the text: verified by sentences and rows that say it, unverified, or no answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Literal

from gemma10m.passages.code_files import is_csv
from gemma10m.passages.comparable import Term, read_terms
from gemma10m.passages.cutting import Passage
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.matching import content, is_said
from gemma10m.passages.retrieve import Excerpt, scored
from gemma10m.passages.statements import Statement, is_naming, repeats_question, statements
from gemma10m.passages.tables import TableRow, row_says, table_rows
from gemma10m.passages.words import telling

Verdict = Literal["verified", "unverified", "no answer"]
SHOWN = 3  # quotes of one sentence of an answer, at most
LOOKED_AT = 32  # passages for each of its searches
LONGEST_STATEMENT = 200  # names, numbers and content words
_PERSON = re.compile(r"\b(?:I|[Mm]e|[Mm]y|[Mm]ine|[Ww]e|[Uu]s|[Oo]ur|ich|Ich|mir|mich|wir|Wir|uns|je|Je|nous|Nous)\b")
_BETWEEN = re.compile(r"[\W_]+")  # words of a file's name
WHOLE = 3  # content words of a sentence that an answer repeats: it says what it is about itself


@dataclass(frozen=True)
class Verification:
    verdict: Verdict
    quotes: tuple[Excerpt, ...] = ()
    unsupported: tuple[str, ...] = ()  # sentences of the answer that nothing in the text says
    same_words: tuple[str, ...] = ()  # of these, those whose words are all in one sentence or row of the text


@dataclass(frozen=True)
class _Unit:
    """Hold a sentence, or a row with its heading."""

    excerpt: Excerpt
    tokens: Sequence[Term]
    title: Sequence[Term]  # of the file and the chapter
    cells: Sequence[Sequence[Term]] = ()
    columns: Sequence[Sequence[Term]] = ()
    heading: Excerpt | None = None

    def has(self, token: Term) -> bool:
        return any(token.says(each) for each in self.tokens)


@dataclass(frozen=True)
class _Compared:
    """Hold what the text has of one sentence of an answer."""

    sentence: str
    saying: Sequence[_Unit] = ()  # the units that say it
    has_words: bool = False  # a unit has all of its words, perhaps to say something else


def verify(index: PassageIndex, question: str, answer: str) -> Verification:
    """Return whether each sentence of the answer is supported, with its names, numbers, words and negations, by one
    sentence or row of the text. Raises StateError for a damaged index.
    """
    said = statements(question, answer)
    if not said:
        return Verification("no answer")
    found = [_compared(index, question, statement) for statement in said]
    if all(each.saying for each in found):
        if not repeats_question(question, said):
            return Verification("verified", _quotes(found))
        found = [replace(each, saying=()) for each in found]
    without = [each for each in found if not each.saying]
    unsupported = tuple(each.sentence for each in without)
    same_words = tuple(each.sentence for each in without if each.has_words)
    quotes, asked = _quotes(found), telling(question)
    unheard = bool(asked) and not quotes and not index.with_words(asked, 1)
    return Verification("no answer" if unheard else "unverified", quotes, unsupported, same_words)


def closest(index: PassageIndex, question: str, limit: int) -> list[Excerpt]:
    """Return the sentence with the most of the question's words of each of the best passages, the best first."""
    found = list[Excerpt]()
    for scored_sentences in _sentences_of_the_best(index, telling(question), limit):
        best = max(scored_sentences, key=lambda pair: pair[1], default=None)
        found += [best[0]] if best else []
    return found


def matching(index: PassageIndex, words: str, limit: int) -> list[Excerpt]:
    """Return all sentences with any of the words of each of the best passages, the best passage first.

    A passage that has the words elsewhere, in a heading before it, gives its first sentence.
    """
    found = list[Excerpt]()
    for scored_sentences in _sentences_of_the_best(index, telling(words), limit):
        every = [excerpt for excerpt, _ in scored_sentences]
        found += [excerpt for excerpt, score in scored_sentences if score] or every[:1]
    return found


def _sentences_of_the_best(index: PassageIndex, words: list[str], limit: int) -> Iterator[list[tuple[Excerpt, float]]]:
    """Yield each of the best passages as its sentences, with their scores."""
    for passage in index.search(words, limit):
        spans = index.spans(passage)
        scores = scored(words, [passage.text[slice(*span)] for span in spans])
        yield [(Excerpt(passage, *span), score) for span, score in zip(spans, scores, strict=True)]


def _quotes(found: Sequence[_Compared]) -> tuple[Excerpt, ...]:
    """Return what supports the statements, each once; a row with the heading of its table."""
    units = [unit for each in found for unit in each.saying]
    excerpts = (each for unit in units for each in (unit.heading, unit.excerpt) if each)
    return tuple(dict.fromkeys(excerpts))


def _compared(index: PassageIndex, question: str, statement: Statement) -> _Compared:
    said = content(statement.tokens)
    if not 0 < len(said) <= LONGEST_STATEMENT:
        return _Compared(statement.sentence)
    units = list(_units(index, _candidates(index, question, statement)))
    has_words = any(all(map(unit.has, said)) for unit in units)
    return _Compared(statement.sentence, _supporting(units, statement), has_words)


def _supporting(units: Sequence[_Unit], statement: Statement) -> list[_Unit]:
    """Return the units that say it and are not outdone, in the document's order."""
    saying = [unit for unit in units if _says(unit, statement)]
    topic = content(statement.asked)
    unspaced = any(token.kind == "unspaced" for token in topic)
    short = len(content(statement.tokens)) < WHOLE
    if unspaced or (topic and (short or any(unit.has(token) for unit in units for token in topic))):
        saying = [unit for unit in saying if _repeats(unit, statement) or any(_about(unit, token) for token in topic)]
    best = [unit for unit in saying if not any(_outdoes(each, unit, topic, statement) for each in units)]
    best.sort(key=lambda unit: -sum(map(unit.has, content(statement.question))))
    return sorted(best[:SHOWN], key=lambda unit: _place(unit.excerpt))


def _place(excerpt: Excerpt) -> tuple[int, int, int]:
    return excerpt.passage.file, excerpt.passage.start, excerpt.first


def _candidates(index: PassageIndex, question: str, statement: Statement) -> list[Passage]:
    words = [word for word in telling(statement.sentence) if not word[0].isdigit()]
    asked = telling(question)
    numbers = [form for token in statement.tokens if token.number for form in _spellings(token.number.spelling)]
    names = [token.plain for token in statement.names if token.plain]
    every = [*words, *names]
    searches = [
        index.having(each, [*numbers, *(() if numbers else (*words, *asked))], LOOKED_AT) for each in (every, words)
    ]
    found = [*searches[0], *searches[1], *index.search([*asked, *words], LOOKED_AT)]
    return list({(passage.file, passage.start): passage for passage in found}.values())


def _spellings(number: str) -> Iterator[str]:
    """Return the spellings that FTS5 may have: with any mark between its parts, without, and in groups of three."""
    plain = "".join(character for character in number if character.isdigit())
    yield number
    yield plain
    yield f"{int(plain):,}" if 4 <= len(plain) <= 18 else plain


def _units(index: PassageIndex, passages: Iterable[Passage]) -> Iterator[_Unit]:
    for passage in passages:
        path = index.files[passage.file][0]
        rows = [row for row in _rows(passage, path) if row.columns]
        title = _BETWEEN.sub(" ", " ".join((PurePath(path).name, *(name for _, name in passage.places))))
        spans = [span for span in index.spans(passage) if not _overlap(span, rows)]
        texts = [
            title,
            *(passage.text[slice(*span)] for span in spans),
            *(c for row in rows for c in (*row.cells, *row.columns)),
        ]
        read = iter(read_terms(texts))
        named = next(read)
        for span in spans:
            yield _Unit(Excerpt(passage, *span), next(read), named)
        for row in rows:
            cells, columns = [next(read) for _ in row.cells], [next(read) for _ in row.columns]
            every = [token for column in (*cells, *columns) for token in column]
            yield _Unit(Excerpt(passage, *row.span), every, named, cells, columns, _heading(passage, row))


def _rows(passage: Passage, path: str) -> list[TableRow]:
    commas = is_csv(path)
    if not commas and "\t" not in passage.text and "|" not in passage.text:
        return []
    return list(table_rows(passage.text, commas, passage.heading.text if passage.heading else ""))


def _overlap(span: tuple[int, int], rows: Sequence[TableRow]) -> bool:
    return any(span[0] < row.span[1] and row.span[0] < span[1] for row in rows)


def _heading(passage: Passage, row: TableRow) -> Excerpt | None:
    if row.heading:
        return Excerpt(passage, *row.heading)
    line = passage.heading
    if line is None:
        return None
    alone = Passage(passage.file, line.start, line.start, line.line, line.line, line.text)
    return Excerpt(alone, 0, len(line.text))


def _says(unit: _Unit, statement: Statement) -> bool:
    if unit.columns:
        named = all(_about(unit, token) for token in statement.names)
        return named and row_says(statement.tokens, statement.question, unit.cells, unit.columns)
    if not all(map(unit.has, content(statement.tokens))):
        return False
    if _PERSON.search(statement.sentence) and not _PERSON.search(unit.excerpt.text):
        return False  # the model speaks of itself
    if not statement.asked or _repeats(unit, statement):
        return is_said(statement.tokens, (), unit.tokens)
    if not all(_is_named(unit, name) for name in _by_phrase(statement.names)):
        return False
    return is_said(statement.tokens, statement.asked, unit.tokens, statement.answer_first)


def _repeats(unit: _Unit, statement: Statement) -> bool:
    """Return whether the statement has all of the sentence, and says itself what it is about."""
    said = content(statement.tokens)
    alone = len(said) >= WHOLE and (not statement.names or any(map(is_naming, said)))
    return alone and all(any(each.says(token) for each in said) for token in content(unit.tokens))


def _about(unit: _Unit, token: Term) -> bool:
    """Return whether a word of the question is in the unit, or in the name of its file or chapter."""
    return unit.has(token) or any(token.key == each.key for each in unit.title)


def _by_phrase(names: Sequence[Term]) -> list[list[Term]]:
    """Return the names that stand side by side together: the parts of one name."""
    phrases: dict[int, list[Term]] = {}
    for at, token in enumerate(names):
        phrases.setdefault(token.phrase if token.phrase >= 0 else -1 - at, []).append(token)
    return list(phrases.values())


def _is_named(unit: _Unit, name: Sequence[Term]) -> bool:
    """Return whether the unit has the name, or a part of it that is not part of another: Henrietta, for Henrietta
    Musgrove, but not Louisa Musgrove.
    """
    if all(_about(unit, token) for token in name):
        return True
    there: dict[int, list[Term]] = {}
    for token in unit.tokens:
        if token.kind == "name":
            there.setdefault(token.phrase, []).append(token)
    return len(name) > 1 and any(
        all(any(part.says(each) for part in name) for each in shorter) for shorter in there.values()
    )


def _outdoes(other: _Unit, unit: _Unit, topic: Sequence[Term], statement: Statement) -> bool:
    """Return whether the other has what this one has of the question, and more, and an answer of the same kind."""
    if not unit.columns and _repeats(unit, statement):
        return False
    has = {at for at, token in enumerate(topic) if unit.has(token)}
    more = {at for at, token in enumerate(topic) if other.has(token)}
    kinds = {token.kind for token in content(statement.tokens)}
    kind = next((kind for kind in ("number", "name") if kind in kinds), None)
    return has < more and (kind is None or any(token.kind == kind for token in other.tokens))

"""Tell if a sentence of the text says what a sentence of an answer says: its words whole, in order, and nothing between
them that changes the meaning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise

from gemma10m.passages.comparable import BEING, CONTENT, PREPOSITIONS, Term

Terms = Sequence[Term]
WAYS = 64  # looked at, of finding the same words in one sentence
_ENDS = frozenset(("joint", "strong"))


def content(tokens: Terms) -> list[Term]:
    return [token for token in tokens if token.kind in CONTENT]


def is_said(answer: Terms, asked: Terms, text: Terms, answer_first: bool | None = None) -> bool:
    """Tell if the text says it. `asked`: what the answer leaves to the question. Those of its words that the text has
    must be there in their order, too: all after the answer (answer_first), the first of them before it (False), or
    anywhere (None).
    """
    said, topic = content(answer), [token for token in content(asked) if any(token.says(each) for each in text)]
    if _is_said(said, topic, text, [*answer, *asked], answer_first):
        return True
    if not answer_first or len(topic) < 2 or not said:
        return False
    by = [replace(each, link="by") if each.phrase == said[0].phrase >= 0 else each for each in said]
    by[0], verb = replace(said[0], link="by"), replace(topic[0], link="was", asked=False)
    return _is_said(by, [*topic[1:], verb], text, [*answer, *asked], False)


def _is_said(said: Terms, topic: Terms, text: Terms, marked: Terms, answer_first: bool | None) -> bool:
    free = all(token.number for token in said)  # a number takes no one else's part
    for own in islice(_ways(said, text), WAYS):
        if not _tied(said, own, text):
            continue
        for about in islice(_anywhere(topic, own, text) if free else _ways(topic, text), WAYS):
            misplaced = answer_first is not None and about and own and (own[0] < about[0]) is not answer_first
            if misplaced or not (free or _same_doer(topic, about, text)):
                continue
            if _stands(text, sorted({*own, *about}), [*said, *topic], marked):
                return True
    return False


def _ways(words: Terms, text: Terms, start: int = 0) -> Iterator[list[int]]:
    """Yield the places in the text where all the words stand, one after the other."""
    if not words:
        yield []
        return
    for place in range(start, len(text)):
        if words[0].says(text[place]):
            found = False
            together = words[0].asked and words[0].kind == "unspaced"
            for rest in _ways(words[1:], text, place + (not together)):
                found = True
                yield [place, *rest]
            if not found:
                return  # what does not follow here follows nowhere later


def _anywhere(words: Terms, own: Sequence[int], text: Terms) -> Iterator[list[int]]:
    """Yield the places of the words that are closest to the answer's own."""
    found = [[place for place, token in enumerate(text) if word.says(token)] for word in words]
    yield sorted(min(places, key=lambda place: abs(place - own[0])) for places in found)


def _tied(said: Terms, places: Sequence[int], text: Terms) -> bool:
    """Return whether names side by side are so in the text, and nobody gives who was given."""
    for (word, following), (place, later) in zip(pairwise(said), pairwise(places), strict=True):
        if 0 <= word.phrase == following.phrase and text[place].phrase != text[later].phrase:
            return False
    there = [text[place] for place in places]
    if any(word.asked for word in said) and _has_being(said) != _has_being(there):
        return False  # "yes" to a question, whose verb stands first
    return all(_same_part(word, text[place]) for word, place in zip(said, places, strict=True))


def _has_being(words: Terms) -> bool:
    return any(word.link in BEING for word in words)


def _same_part(word: Term, there: Term) -> bool:
    """Return whether both or neither is the one by whom it is done, and both verbs or neither are passive."""
    if word.number:
        return True
    if "by" in (word.link, there.link) or (word.direction and there.direction):
        return word.link == there.link
    return word.asked or word.kind != "word" or there.kind != "word" or (word.link in BEING) == (there.link in BEING)


def _same_doer(topic: Terms, places: Sequence[int], text: Terms) -> bool:
    """Return whether those whom the question asks about do what they do in the text: both or neither stand after by."""
    found = list(zip(topic, (text[place] for place in places), strict=True))
    return all((word.link == "by") == (there.link == "by") for word, there in found if word.kind == "name") and all(
        there.link in BEING for word, there in found if word.link == "was" and not word.asked
    )


def _stands(text: Terms, places: Sequence[int], said: Terms, marked: Terms) -> bool:
    if not places:
        return False
    first, last = places[0], places[-1]
    phrases = {text[place].phrase for place in places} - {-1}
    counted = _counted(text, places, said)

    def intrudes(at: int) -> bool:
        token = text[at]
        if token.kind == "number":
            naming = not _counts_other(text, at, counted)
        else:
            naming = token.kind == "name" and token.phrase not in phrases and not _is_month(text, at)
        return naming and not any(each.says(token) for each in said)

    between = [(place, later, _outside(text, place + 1, later)) for place, later in pairwise(places)]
    gaps = [[text[at] for at in left_out] for _, _, left_out in between]
    if any(map(_breaks, gaps)) or _drops_joint(text, places, marked):
        return False
    if any(
        intrudes(at) and not _beside(text[at], text[place + 1 : later], text[later])
        for place, later, left_out in between
        for at in left_out
    ):
        return False
    clause = _back_to(text, first, ("strong",))
    repeated = _joined(marked)  # a list that the answer gives as the text does
    crossed = any(
        _ENDS & {token.kind for token in gap} and (content(gap) or (text[place].key, text[later].key) not in repeated)
        for (place, later, _), gap in zip(between, gaps, strict=True)
    )
    if crossed and any(intrudes(at) or text[at].kind == "unspaced" for at in range(clause, first)):
        return False
    end = _on_to(text, last, ("strong",))
    if end < len(text) and text[end].key == "?":
        return False
    near = text[_back_to(text, first, _ENDS) : _on_to(text, last, _ENDS)]
    compared = (("negation", text[clause:end]), ("condition", text[clause:end]), ("modal", near))
    return all(_marks(kind, there) == _marks(kind, marked) for kind, there in compared)


def _outside(text: Terms, start: int, stop: int) -> list[int]:
    """Return the places from start to stop that are not in parentheses."""
    places, opened = list[int](), list[int]()
    for at in range(start, stop):
        if text[at].key == "(":
            opened.append(len(places))
        places.append(at)
        if text[at].key == ")" and opened:
            del places[opened.pop() :]
    return places


def _joined(tokens: Terms) -> set[tuple[str, str]]:
    """Return the words between which nothing stands but a joint."""
    at = [place for place, token in enumerate(tokens) if token.kind not in _ENDS]
    return {(tokens[place].key, tokens[later].key) for place, later in pairwise(at) if later > place + 1}


def _drops_joint(text: Terms, places: Sequence[int], marked: Terms) -> bool:
    """Return whether the answer or the question puts two words side by side of which the text begins a clause with the
    second: Anne left Mary, for `Anne left; Mary came`.
    """
    joined = {(word.key, other.key) for word, other in pairwise(marked)}
    for place, later in pairwise(places):
        word, other, gap = text[place], text[later], {token.key for token in text[place + 1 : later]}
        if (word.key, other.key) not in joined or not gap:
            continue
        subject = word.kind == "word" and other.kind == "name" and not word.link and not other.link
        if gap <= {";", "!", "?"} or (subject and gap <= {",", "and", "but", "or", "while"}):
            return True
    return False


def _counted(text: Terms, places: Sequence[int], said: Terms) -> frozenset[str]:
    """Return what the numbers count, as far as the answer or the question says so: `men`, for `14 men`; "" of another
    number.
    """
    if not any(token.number for token in said):
        return frozenset()
    nouns = [text[at + 1] if at + 1 < len(text) else None for at in places if text[at].number]
    return frozenset(
        noun.key if noun and not noun.link and any(not each.number and each.says(noun) for each in said) else ""
        for noun in nouns
    )


def _is_month(text: Terms, at: int) -> bool:
    """Return whether a name has a number before it and one after it, as in a date: 3 May 1899."""
    beside = (*text[max(0, at - 1) : at], *text[at + 1 : at + 2])
    return len(beside) == 2 and all(token.number for token in beside) and not text[at].link and not beside[1].link


def _counts_other(text: Terms, at: int, counted: frozenset[str]) -> bool:
    """Return whether a number cannot be taken for those of the answer: it counts something else, or dates."""
    if not counted:
        return True
    after, before, link = text[at + 1 : at + 2], text[max(0, at - 1) : at], text[at].link
    dates = link == "in" or (not link and any(token.kind == "name" for token in before))
    own = [token.key for token in after if token.kind in CONTENT and not token.number and not token.link]
    return "" not in counted and counted.isdisjoint(own) and (dates or bool(own))


def _beside(name: Term, gap: Terms, following: Term) -> bool:
    """Return whether a name only goes with a verb: it stands after a preposition, or right before an amount."""
    if name.kind != "name" or any(token.kind in _ENDS for token in gap):
        return False
    after = next((token for token in [*gap[gap.index(name) :], following] if token.phrase != name.phrase), following)
    return name.link in PREPOSITIONS or (after.number is not None and not after.link)


def _breaks(gap: Terms) -> bool:
    """Return whether clauses end within what the answer leaves out, other than an insertion between two commas."""
    joints = [at for at, token in enumerate(gap) if token.kind in _ENDS]
    kinds = [token.kind for token in gap]
    return any(
        CONTENT.intersection(kinds[:at])
        and (
            CONTENT.intersection(kinds[at:])
            or (joints[0] > 0 and gap[at].key not in ("and", "or", "und", "oder", "et"))
        )
        for at in joints
    )


def _back_to(text: Terms, first: int, kinds: Collection[str]) -> int:
    return next((at + 1 for at in range(first - 1, -1, -1) if text[at].kind in kinds), 0)


def _on_to(text: Terms, last: int, kinds: Collection[str]) -> int:
    return next((at for at in range(last + 1, len(text)) if text[at].kind in kinds), len(text))


def _marks(kind: str, tokens: Terms) -> Counter[str]:
    return Counter(token.key for token in tokens if token.kind == kind)

"""Read the PDF on standard input, in a process of its own, and write the text of each page as a line of JSON.

PDFs are read by a large program in C++ that hostile files are made for. Here it cannot write a file, has little memory,
and can end without ending anything else. Of this package only the modules beside it that ask PDFium are imported;
errors are exit codes. The first line has the number of pages, of attached files, and 1 for a form that is not drawn
(XFA). A page has six parts: its fragments, [angle, start, end, baseline, size, pitch, gaps, text], in the order in
which they are drawn and turned so that the text runs to the right; the level and upright lines on it, and the filled
boxes, [x, y, x, y]; its comments, [author, text]; how many characters outside what is shown of the page are left out;
and how many hidden ones. Gaps are the wide ones between words, [place in the text, end of the word before it, start of
that after it]. A page that does not load is null.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import re
import resource
import signal
import sys
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby, pairwise
from typing import Any

if __name__ == "__main__":  # the package, which knows this file's exit codes, does without these
    import pypdfium2
    from pypdfium2 import raw

    sys.path.append(os.path.dirname(__file__))  # last: modules in it have common names
    from pdf_accents import accented, glyph_box  # type: ignore[import-not-found]
    from pdf_annotations import comments, fields  # type: ignore[import-not-found]  # it is beside this file
    from pdf_covered import Covered  # type: ignore[import-not-found]
    from pdf_hidden import hide  # type: ignore[import-not-found]
    from pdf_strays import with_strays_placed  # type: ignore[import-not-found]

ENCRYPTED, BROKEN = 3, 4
_HYPHEN = 2  # what PDFium makes of one at a line's end
_BETWEEN_WORDS, _BETWEEN_COLUMNS = 0.18, 1.0  # of the size: gaps between characters
_WIDER, _FEWEST_LETTERS = 1.6, 5  # of letterspaced text: times the gap between letters; letters
_WIDE = 0.6  # of the size: what may be a gap between columns
_WIDEST_SPACE = 1.6
_DIGITS = re.compile("(?<![0-9/\u2044])[0-9]+(?![0-9/\u2044])")  # of a fraction, both numbers may be moved
_NUMBER = set("0123456789+-\u2212()")
_SMALL, _HIGH, _LOW = 0.5, 0.84, 0.2  # of the size: a glyph, and twice its middle; a minus has 0.6, a raised 2 1.1
_SCRIPT, _RAISED, _LOWERED = 0.6, 0.33, -0.15  # of the size: how it is placed then
_SAME_WIDTH = 0.004  # of the size: characters of a font in which all have one width
_WHITE = {0x20, 0xA0, 0x0D, 0x0A, 0x09, 0x0C}
_LEFTWARDS = ("R", "AL")  # classes of letters that are written from right to left
_NAMELESS = "\ufffe"  # a character of a font that does not say which ones it has
_EDGE = 1.0  # points: what is less far outside a page is shown
_PATH, _FORM, _CURVE, _MOVE = 2, 5, 1, 2  # of what is drawn; of a path's segments
_THIN, _SHORTEST = 3.0, 3.0  # points: a filled box that is thinner is a line; a line that is shorter is none of a table
_MOST_SEGMENTS, _DEEPEST = 20_000, 5  # of a page; more are a drawing, and no table

_Placed = list[Any]
_Piece = tuple[float, bool, list[float], str]  # the gap before a word, if a space is drawn in it, its ends; the word
_Line = tuple[float, float, float, float]  # x, y, x, y
_Matrix = tuple[float, float, float, float, float, float]


def main(memory: int, seconds: int, first: int) -> int:
    """Write the pages. first: the page to begin with, from 0."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    with open(0, "rb") as file, open(1, "wb") as out:
        signal.setitimer(signal.ITIMER_PROF, seconds)  # of computing; it ends the process
        try:
            document = pypdfium2.PdfDocument(file)
            if document.get_formtype():
                document.init_forms()
        except pypdfium2.PdfiumError as error:
            return ENCRYPTED if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD else BROKEN
        is_xfa = document.get_formtype() in (raw.FORMTYPE_XFA_FULL, raw.FORMTYPE_XFA_FOREGROUND)
        out.write(b"%d %d %d\n" % (len(document), document.count_attachments(), is_xfa))
        for number in range(first, len(document)):
            signal.setitimer(signal.ITIMER_PROF, seconds)
            out.flush()
            try:
                page = document[number]
                rules, boxes = _rules(page)
                hidden = hide(page)
                fragments, outside, covered = _fragments(page, _upright(rules))
                hidden += covered
                fragments += fields(page, document.formenv, [fragment[3] for fragment in fragments])
                found = [fragments, rules, boxes, comments(page), outside, hidden]
                page.close()
            except pypdfium2.PdfiumError:
                found = None
            out.write(json.dumps(found).encode() + b"\n")
    return 0


def _fragments(page: Any, upright: list[_Line]) -> tuple[list[_Placed], int, int]:
    """Return pieces of lines, in which words close together are one, and how many characters are outside and covered.

    upright: lines that divide cells, from the left; words on both sides of one are not one piece.
    """
    text, shown, cover = page.get_textpage(), page.get_bbox(), Covered(page)
    words = list(_words(text, is_doubtful=False))
    if any(_NAMELESS in characters for _, characters, _ in words):
        words = list(_words(text, is_doubtful=True))

    found: list[_Placed] = []
    last: _Placed | None = None
    outside, covered, spaces, is_leftwards = 0, 0, 0, False
    for first, characters, white, height in _with_scripts_apart(text, words):
        word, is_outside = _word(text, first, characters, height, shown)
        if is_outside:
            outside, last = outside + len(characters), None
            continue
        if not word[0] and cover.hides(raw.FPDFText_GetTextObject(text, first), _middle(word)):
            covered, last = covered + len(characters), None
            continue
        angle, start, end, baseline, size, pitch, *_ = word
        gap = (last[1] - end if is_leftwards else start - last[2]) / size if last else 0
        widest = _WIDEST_SPACE if spaces == 1 else _BETWEEN_COLUMNS
        is_near = last and _same_line(last, angle, baseline, size) and -0.5 < gap < widest
        if last and is_near and not _divided(last, word, upright):
            last[7].append((gap, spaces > 0, [] if is_leftwards else [last[2], start], characters))
            last[5] = last[5] if abs(last[5] - pitch) < _SAME_WIDTH * size else 0.0
            last[1], last[2] = min(start, last[1]), max(end, last[2])
        else:
            last = [*word[:7], [(0.0, False, [], characters)]]
            found.append(last)
            is_leftwards = any(unicodedata.bidirectional(character) in _LEFTWARDS for character in characters)
        spaces = white
    return [[*each[:6], *_joined(each[7])] for each in with_strays_placed(found)], outside, covered


def _joined(words: list[_Piece]) -> tuple[list[_Placed], str]:
    """Return the wide gaps between words, and their text."""
    widest, gaps, text = max(_BETWEEN_WORDS, _WIDER * _letter_gap(words)), [], ""
    for gap, is_space, around, characters in words:
        if text and (is_space or gap > widest):
            text += " "
            gaps += [[len(text), *around]] if around and gap > _WIDE else []
        text += characters
    return gaps, text


def _letter_gap(words: list[_Piece]) -> float:
    """Return the usual gap if most letters stand alone at equal distances, and not in the alphabet's order; else 0."""
    gaps = sorted(gap for gap, is_space, *_ in words[1:] if not is_space)
    alone = [word[-1] for word in words if len(word[-1]) == 1]
    letters = [character for character in alone if character.isalpha()]
    usual = gaps[len(gaps) // 2] if gaps else 0.0
    is_equal = sum(abs(gap - usual) < usual / 4 for gap in gaps) > len(gaps) / 2 and gaps[0] > usual / 2
    is_alone = len(alone) > 0.8 * len(words) and len(letters) >= max(_FEWEST_LETTERS, len(words) / 2)
    return usual if is_equal and is_alone and letters != sorted(letters) else 0.0


def _word(text: Any, first: int, characters: str, height: float, shown: _Line) -> tuple[_Placed, bool]:
    """Return a word as a fragment, and whether all of it is outside what is shown."""
    angle, baseline, size = _placed(text, first)
    if height:
        baseline, size = baseline + height * size, _SCRIPT * size
    left, bottom, right, top = shown
    box, ends, is_outside = raw.FS_RECTF(), [], True
    for index in dict.fromkeys((first, first + len(characters) - 1)):
        raw.FPDFText_GetLooseCharBox(text, index, box)
        is_beside = box.right < left - _EDGE or box.left > right + _EDGE
        is_outside = is_outside and (is_beside or box.top < bottom - _EDGE or box.bottom > top + _EDGE)
        ends.append(_extent(box, angle))
    start, end = min(each[0] for each in ends), max(each[1] for each in ends)  # of Hebrew, the first is on the right
    pitch = 0.0 if angle else ends[0][1] - ends[0][0]
    if abs((end - start) / len(characters) - pitch) > _SAME_WIDTH * size:
        pitch = 0.0
    return [round(angle, 2), start, end, baseline, size, pitch, [], characters], is_outside


def _middle(word: _Placed) -> _Line:
    """Return the box of a word's small letters."""
    return word[1], word[3], word[2], word[3] + 0.4 * word[4]


def _words(text: Any, is_doubtful: bool) -> Iterator[tuple[int, str, int]]:
    """Yield each word: its first character, the text, and how many spaces follow.

    is_doubtful: ask of every character whether its font names it; else of the first, and of those that are not ASCII.
    """
    handle = text.raw
    unicode, drawn_by, address = raw.FPDFText_GetUnicode, raw.FPDFText_GetTextObject, ctypes.addressof
    first, characters, spaces, drawn = 0, "", 0, 0
    joined = accented(handle, text.get_text_range())
    for index in range(raw.FPDFText_CountChars(handle)):
        code = unicode(handle, index)
        if code in _WHITE:
            spaces += raw.FPDFText_IsGenerated(handle, index) != 1  # a gap speaks for itself
            if characters and drawn:
                drawn = 0
            continue
        if joined and joined.get(index) == "":  # an accent, whose letter has it
            drawn = 0
            continue
        pointer = drawn_by(handle, index)
        now = address(pointer.contents) if pointer else -1
        if now != drawn:
            if characters:
                yield first, characters, spaces
            first, characters, spaces, drawn = index, "", 0, now
        is_asked = is_doubtful or not characters or not 0x20 < code < 0x7F
        whole = joined.get(index) if joined else None
        characters += whole or (_character(handle, index, code) if is_asked else chr(code))
    if characters:
        yield first, characters, spaces


def _with_scripts_apart(text: Any, words: list[tuple[int, str, int]]) -> Iterator[tuple[int, str, int, float]]:
    """Yield the words, with numbers apart whose glyphs are small and high, or low; and how high these are, in sizes."""
    for first, characters, white in words:
        if not any(_height(text, first + digits.end() - 1) for digits in _DIGITS.finditer(characters)):
            yield first, characters, white, 0.0
            continue
        heights = [_height(text, first + at) if each in _NUMBER else 0.0 for at, each in enumerate(characters)]
        begin = 0
        for height, group in groupby(heights):
            end = begin + len(list(group))
            yield first + begin, characters[begin:end], white if end == len(characters) else 0, height
            begin = end


def _height(text: Any, index: int) -> float:
    """Return how high a glyph is that is raised or lowered at full size, as OpenType's are; else 0."""
    angle, baseline, size = _placed(text, index)
    low, high = ((edge - baseline) / size for edge in glyph_box(text, index)[2:])
    if angle or not 0 < high - low < _SMALL:
        return 0.0
    return _RAISED if low + high > _HIGH else _LOWERED if low + high < _LOW else 0.0


def _character(handle: Any, index: int, code: int) -> str:
    if code == _HYPHEN and raw.FPDFText_IsHyphen(handle, index) == 1:
        return "-"
    if code < 0x20 or 0x7F <= code < 0xA0 or raw.FPDFText_HasUnicodeMapError(handle, index) == 1:
        return _NAMELESS
    return chr(code) if code < 0x110000 else _NAMELESS


def _placed(text: Any, index: int) -> tuple[float, float, float]:
    """Return the angle, baseline and size of a character, of which those that are drawn with it have the same."""
    matrix, x, y = raw.FS_MATRIX(), ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetMatrix(text, index, matrix)
    raw.FPDFText_GetCharOrigin(text, index, x, y)
    angle = math.atan2(matrix.b, matrix.a)
    size = raw.FPDFText_GetFontSize(text, index) * math.hypot(matrix.c, matrix.d)
    return angle, y.value * math.cos(angle) - x.value * math.sin(angle), max(size, 0.1)


def _extent(box: Any, angle: float) -> tuple[float, float]:
    """Return where a character begins and ends on its line."""
    if not angle:
        return box.left, box.right
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    middle = x * cosine + y * sine
    half = (abs((box.right - box.left) * cosine) + abs((box.top - box.bottom) * sine)) / 2
    if abs(cosine) > 0.1 and abs(sine) > 0.1:  # the box of a letter that stands aslant is too large
        half /= 2
    return middle - half, middle + half


def _same_line(last: _Placed, angle: float, baseline: float, size: float) -> bool:
    is_turned = abs(last[0] - angle) > 0.02
    return not is_turned and abs(last[3] - baseline) < 0.1 * size and 0.9 < last[4] / size < 1.1


def _divided(last: _Placed, word: _Placed, upright: list[_Line]) -> bool:
    """Tell if an upright line is between two words of one line."""
    left, right = (last, word) if last[1] <= word[1] else (word, last)
    if left[0]:
        return False
    first = bisect_left(upright, (left[2] - 0.5,))
    last_place, height = right[1] + 0.5, right[3] + 0.2 * right[4]
    for x, low, _, high in upright[first:]:
        if x > last_place:
            return False
        if low <= height <= high:
            return True
    return False


def _upright(rules: list[_Line]) -> list[_Line]:
    return sorted((x, min(y, high), x, max(y, high)) for x, y, to_x, high in rules if abs(to_x - x) < abs(high - y))


def _rules(page: Any) -> tuple[list[_Line], list[_Line]]:
    """Return the level and upright lines of a page, and filled boxes; none of one with so many that it is a drawing."""
    found: list[_Line] = []
    left = _MOST_SEGMENTS

    def read(count: int, item: Callable[[int], Any], within: _Matrix, depth: int) -> None:
        nonlocal left
        for index in range(count):
            left -= 1
            if left < 0:
                return
            each = item(index)
            kind = raw.FPDFPageObj_GetType(each)
            if kind not in (_PATH, _FORM):
                continue
            own = raw.FS_MATRIX()
            raw.FPDFPageObj_GetMatrix(each, own)
            matrix = _times((own.a, own.b, own.c, own.d, own.e, own.f), within)
            if kind == _PATH:
                left -= raw.FPDFPath_CountSegments(each)
                found.extend(_lines_of(each, matrix) if left >= 0 else ())
            elif depth < _DEEPEST:
                inner = partial(raw.FPDFFormObj_GetObject, each)
                read(raw.FPDFFormObj_CountObjects(each), inner, matrix, depth + 1)

    top = partial(raw.FPDFPage_GetObject, page)
    read(raw.FPDFPage_CountObjects(page), top, (1.0, 0.0, 0.0, 1.0, 0.0, 0.0), 0)
    if left < 0:
        return [], []
    return [each for each in found if _is_straight(*each)], [each for each in found if _is_box(*each)]


def _times(first: _Matrix, then: _Matrix) -> _Matrix:
    a, b, c, d, e, f = then
    x = [(first[n] * a + first[n + 1] * c, first[n] * b + first[n + 1] * d) for n in (0, 2, 4)]
    return (*x[0], *x[1], x[2][0] + e, x[2][1] + f)


def _lines_of(path: Any, matrix: _Matrix) -> list[_Line]:
    """Return the edges of a stroked path, the middles of thin boxes that are filled, and two corners of other boxes."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(path, fill, stroke)
    found: list[_Line] = []
    for corners in _outlines(path, matrix) if fill.value or stroke.value else ():
        if stroke.value:
            edges = [(*begin, *end) for begin, end in pairwise(corners)]
        else:
            xs, ys = [x for x, _ in corners], [y for _, y in corners]
            width, height = max(xs) - min(xs), max(ys) - min(ys)
            x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
            edges = [(min(xs), y, max(xs), y)] if height < _THIN else []
            edges += [(x, min(ys), x, max(ys))] if width < _THIN < height else []
            edges += (
                [(min(xs), min(ys), max(xs), max(ys))] if len({(round(x), round(y)) for x, y in corners}) == 4 else []
            )
        found += edges
    return found


def _is_straight(x: float, y: float, to_x: float, to_y: float) -> bool:
    width, height = abs(to_x - x), abs(to_y - y)
    return min(width, height) < 0.5 and max(width, height) > _SHORTEST


def _is_box(x: float, y: float, to_x: float, to_y: float) -> bool:
    return min(to_x - x, to_y - y) > _THIN


def _outlines(path: Any, matrix: _Matrix) -> Iterator[list[tuple[float, float]]]:
    """Yield the corners of each part of a path that has no curves, placed on the page."""
    a, b, c, d, e, f = matrix
    x, y, corners, is_curved = ctypes.c_float(), ctypes.c_float(), list[tuple[float, float]](), False
    for index in range(raw.FPDFPath_CountSegments(path)):
        segment = raw.FPDFPath_GetPathSegment(path, index)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == _MOVE:
            if len(corners) > 1 and not is_curved:
                yield corners
            corners, is_curved = [], False
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        corners.append((a * x.value + c * y.value + e, b * x.value + d * y.value + f))
        is_curved = is_curved or kind == _CURVE
        if raw.FPDFPathSegment_GetClose(segment):
            corners.append(corners[0])
    if len(corners) > 1 and not is_curved:
        yield corners


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))

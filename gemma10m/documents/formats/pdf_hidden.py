"""Take hidden text off a page of a PDF, in the process that reads the PDF: layers that are off, and what is clipped.

PDFium shows no layer's state. So a small box is painted with each layer's mark: where nothing appears, it is off.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import pypdfium2
from pypdfium2 import raw

_TEXT, _FORM, _INVISIBLE = 1, 5, 3  # kinds of objects; the mode of text that scans have under their picture
_MOST_OBJECTS, _DEEPEST = 50_000, 5  # of a page; what comes after them is taken to be shown
_MOST_LAYERS, _MOST_FORMS, _MOST_IN_FORM, _MOST_SEGMENTS = 2_000, 30, 5_000, 50  # of a page, a form, an outline
_SIDE = 400  # pixels
_EDGE = 1.0  # points: what is less far outside is shown

_Box = tuple[float, float, float, float]  # left, bottom, right, top


def hide(page: Any) -> int:
    """Make hidden text inactive, which PDFium then does not read. Return how many characters that takes away."""
    top = list(_objects(raw.FPDFPage_CountObjects(page), partial(raw.FPDFPage_GetObject, page)))
    everything = list(islice(_within(top, 0), _MOST_OBJECTS))
    hidden = [each for each in everything if _is(each, _TEXT) and _is_clipped(each)]
    hidden += _in_layers_off(page, top, everything) + _forms_off(page, top)
    if not hidden:
        return 0
    before = _count(page)
    _set_active(hidden, False)
    return before - _count(page)


def _count(page: Any) -> int:
    return len("".join(page.get_textpage().get_text_range().split()))


def _objects(count: int, item: Callable[[int], Any]) -> Iterator[Any]:
    return (item(number) for number in range(count))


def _within(objects: Iterable[Any], depth: int) -> Iterator[Any]:
    """Yield the objects and those in forms among them."""
    for each in objects:
        yield each
        if _is(each, _FORM) and depth < _DEEPEST:
            inner = _objects(raw.FPDFFormObj_CountObjects(each), partial(raw.FPDFFormObj_GetObject, each))
            yield from _within(inner, depth + 1)


def _is(each: Any, kind: int) -> bool:
    return bool(raw.FPDFPageObj_GetType(each) == kind)


def _set_active(objects: list[Any], is_active: bool) -> None:
    for each in objects:
        raw.FPDFPageObj_SetIsActive(each, is_active)


def _is_clipped(text: Any) -> bool:
    """Tell if a text is outside of the box around a path that it is clipped to."""
    clip = raw.FPDFPageObj_GetClipPath(text)
    paths = raw.FPDFClipPath_CountPaths(clip)
    if paths < 1:
        return False
    left, bottom, right, top = bounds(text)
    for number in range(min(paths, _MOST_SEGMENTS)):
        box = clip_box(clip, number)
        if box and (right < box[0] - _EDGE or left > box[2] + _EDGE or top < box[1] - _EDGE or bottom > box[3] + _EDGE):
            return True
    return False


def bounds(each: Any) -> _Box:
    """Return the box around an object."""
    edges = [ctypes.c_float() for _ in range(4)]
    raw.FPDFPageObj_GetBounds(each, *edges)
    left, bottom, right, top = (edge.value for edge in edges)
    return left, bottom, right, top


def clip_box(clip: Any, number: int) -> _Box | None:
    """Return the box around a path that clips; None for one of very many segments."""
    x, y, xs, ys = ctypes.c_float(), ctypes.c_float(), [], []
    count = raw.FPDFClipPath_CountPathSegments(clip, number)
    for index in range(count if count <= _MOST_SEGMENTS else 0):
        raw.FPDFPathSegment_GetPoint(raw.FPDFClipPath_GetPathSegment(clip, number, index), x, y)
        xs.append(x.value)
        ys.append(y.value)
    return (min(xs), min(ys), max(xs), max(ys)) if xs else None


def _in_layers_off(page: Any, top: list[Any], everything: list[Any]) -> list[Any]:
    """Return the texts and forms that have the mark of a layer that is off."""
    marks, marked = dict[int, Any](), []
    for each in everything:
        if _is(each, _TEXT) or _is(each, _FORM):
            found = list(_layers(each))
            marks.update((mark, handle) for mark, handle in found if mark in marks or len(marks) < _MOST_LAYERS)
            marked += [(each, mark) for mark, _ in found]
    off = _unpainted(page, top, marks) if marks else set()
    return [each for each, mark in marked if mark in off]


def _layers(each: Any) -> Iterator[tuple[int, Any]]:
    """Yield the marks that put an object into a layer, each with its address: objects in a row have the same one."""
    name, size = (ctypes.c_ushort * 4)(), ctypes.c_ulong()
    for number in range(raw.FPDFPageObj_CountMarks(each)):
        mark = raw.FPDFPageObj_GetMark(each, number)
        raw.FPDFPageObjMark_GetName(mark, name, ctypes.sizeof(name), size)
        if size.value == 6 and bytes(name)[:4] == "OC".encode("utf-16-le"):
            yield ctypes.addressof(mark.contents), mark


def _unpainted(page: Any, top: list[Any], marks: dict[int, Any]) -> set[int]:
    """Return the addresses of marks with which nothing is painted: a box for each, from the left to the right."""
    left, bottom, right, high = page.get_bbox()
    width, boxes = (right - left) / len(marks), []
    _set_active(top, False)
    for number, mark in enumerate(marks.values()):
        box = raw.FPDFPageObj_CreateNewRect(left + number * width, bottom, width, high - bottom)
        raw.FPDFPath_SetDrawMode(box, raw.FPDF_FILLMODE_WINDING, False)
        raw.FPDFPageObj_AddExistingMark(box, mark)
        raw.FPDFPage_InsertObject(page, box)
        boxes.append(box)
    painted = _painted(page, len(marks), 1)
    for box in boxes:
        raw.FPDFPage_RemoveObject(page, box)
        raw.FPDFPageObj_Destroy(box)
    _set_active(top, True)
    return {mark for number, mark in enumerate(marks) if not painted[4 * number + 3]}


def _painted(page: Any, width: int, height: int) -> bytes:
    """Return the pixels of the page, four bytes each, of which the last is 0 where nothing is painted."""
    picture = pypdfium2.PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGRA)
    raw.FPDFBitmap_FillRect(picture, 0, 0, width, height, 0)
    upright = -raw.FPDFPage_GetRotation(page) % 4
    raw.FPDF_RenderPageBitmap(picture, page, 0, 0, width, height, upright, 0)
    return bytes(picture.buffer)


def _forms_off(page: Any, top: list[Any]) -> list[Any]:
    """Return the forms whose text leaves nothing on the page; none of them if the page shows no other text."""
    forms = [each for each in top if _is(each, _FORM)][:_MOST_FORMS]
    is_shown, off = any(_is(each, _TEXT) for each in top), []
    for form in forms:
        inside = list(islice(_within([form], 0), 1, _MOST_OBJECTS))
        others = [each for each in inside if not _is(each, _TEXT) and not _is(each, _FORM)]
        texts = [each for each in inside if _is(each, _TEXT)]
        if not texts or len(inside) > _MOST_IN_FORM:
            continue
        if any(raw.FPDFTextObj_GetTextRenderMode(text) == _INVISIBLE for text in texts):
            is_shown = True
            continue
        _set_active([each for each in top if each is not form] + others, False)
        is_painted = any(_painted(page, _SIDE, _SIDE))
        _set_active(top + others, True)
        is_shown = is_shown or is_painted
        off += [] if is_painted else [form]
    return off if is_shown else []

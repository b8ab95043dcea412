"""Read what is filled into the fields of a page of a PDF, and remarks on it, in the process that reads the PDF."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from pypdfium2 import raw

_WIDGET, _FREE_TEXT, _HIDDEN = 20, 3, 2  # of annotations
_COMMENTS = {1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17}  # notes, lines, shapes, marks, stamps, carets, ink, files
_CHECKBOX, _RADIO, _COMBO, _LIST, _FIELD = 2, 3, 4, 5, 6
_PASSWORD = 1 << 13  # of a field's flags


def fields(page: Any, form: Any, baselines: list[float]) -> list[list[Any]]:
    """Return the values of filled-in fields, on the lines of their labels."""
    found = []
    for annotation in _annotations(page, {_WIDGET, _FREE_TEXT}):
        is_widget = raw.FPDFAnnot_GetSubtype(annotation) == _WIDGET
        value = _value(annotation, form) if is_widget else _string(annotation, b"Contents")
        box = raw.FS_RECTF()
        raw.FPDFAnnot_GetRect(annotation, box)
        low, high = min(box.bottom, box.top), max(box.bottom, box.top)
        lines = [line for line in value.splitlines() if line.strip()]
        step = (high - low) / max(1, len(lines))
        for number, line in enumerate(lines):
            bottom = high - (number + 1) * step
            beside = [each for each in baselines if bottom - 1 <= each < bottom + 0.8 * step]
            baseline = min(beside, key=lambda each: abs(each - bottom - 0.3 * step), default=bottom + 0.3 * step)
            found.append([0.0, box.left, box.right, baseline, min(step, 12.0) or 1.0, 0.0, [], line.strip()])
    return found


def comments(page: Any) -> list[list[str]]:
    """Return the author and text of the remarks on the page; those without text are marks alone."""
    found = [[_string(each, key) for key in (b"T", b"Contents")] for each in _annotations(page, _COMMENTS)]
    return [each for each in found if each[1].strip()]


def _annotations(page: Any, kinds: set[int]) -> Iterator[Any]:
    """Yield the page's annotations of these kinds that are shown."""
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if raw.FPDFAnnot_GetSubtype(annotation) in kinds and not raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
            yield annotation
        raw.FPDFPage_CloseAnnot(annotation)


def _value(annotation: Any, form: Any) -> str:
    if form is None:
        return _string(annotation, b"V")
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (_CHECKBOX, _RADIO):
        return "☒" if raw.FPDFAnnot_IsChecked(form, annotation) else "☐"
    if kind not in (_COMBO, _LIST, _FIELD) or raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        return ""
    size = raw.FPDFAnnot_GetFormFieldValue(form, annotation, None, 0)
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size)
    return bytes(buffer)[:size].decode("utf-16-le", "replace").rstrip("\0")


def _string(annotation: Any, key: bytes) -> str:
    size = raw.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    raw.FPDFAnnot_GetStringValue(annotation, key, buffer, size)
    return bytes(buffer)[:size].decode("utf-16-le", "replace").rstrip("\0")

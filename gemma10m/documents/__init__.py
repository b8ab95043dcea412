"""Sources to documents: text in order, and where each piece of it came from."""

from gemma10m.documents.document import Document, Piece, SkippedFile, SourceFile
from gemma10m.documents.source import open_source

__all__ = ["Document", "Piece", "SkippedFile", "SourceFile", "open_source"]

"""Set all limits on what a hostile file may ask for."""

from __future__ import annotations

MEMBERS = 100_000  # of an archive
LARGEST_READ = 16 << 20  # bytes read in one piece on the word of a file: a zip's list of members, a tar's long name
LARGEST_WHOLE = 16 << 20  # bytes of a page of HTML or a notebook, which are held whole
HTML_BLOCK = 256 << 10  # bytes of a page that are decoded at a time
HTML_PART = 8 << 10  # bytes of a page that are parsed at a time
HTML_LONG = 64 << 10  # characters of a paragraph that is written before its end
DEEPEST = 1000  # open elements of a page
TABLES_DEEP = 8  # tables in cells of tables
NOTEBOOK_VALUES = 500_000
PLACES = 100_000  # of a file
LABEL = 80  # characters of a place's name

TOTAL = 1 << 30  # bytes that one source may unpack to
RATIO = 200  # times its size; prose makes 3 to 5, logs up to 100
ALWAYS = 16 << 20  # bytes that any source may unpack to, whatever the ratio

WINDOW = 128 << 20  # bytes of memory for a decompressor; `xz -9` asks for 65 MiB
PDF_MEMORY = 256 << 20  # bytes of memory for the process that reads a PDF
PDF_SECONDS = 30  # of computing, for one page
XLS_MEMORY = 256 << 20  # bytes of memory for the process that reads an old Excel file
XLS_SECONDS = 60  # of computing, for one sheet

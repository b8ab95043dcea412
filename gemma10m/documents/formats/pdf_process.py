"""A process that reads the PDF on its standard input and writes the text of each page, then a form feed.

PDFs are read by a large program in C++ that hostile files are made for. Here it cannot write a file, has little memory,
and can end without ending anything else. Nothing of this package is imported, and nothing is said but the exit code.
"""

from __future__ import annotations

import resource
import signal
import sys

ENCRYPTED, BROKEN = 3, 4
# A form feed is ours; \x02 stands where a word was divided at the end of a line; lines end in \r\n.
_CLEANED = {ord("\f"): " ", 0x02: None, ord("\r"): None}


def main(memory: int, seconds: int) -> int:
    import pypdfium2
    from pypdfium2.raw import FPDF_ERR_PASSWORD

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    with open(0, "rb") as file, open(1, "wb") as out:
        signal.setitimer(signal.ITIMER_PROF, seconds)  # of computing; it ends the process
        try:
            document = pypdfium2.PdfDocument(file)
            for number in range(len(document)):
                signal.setitimer(signal.ITIMER_PROF, seconds)
                page = document[number]
                text = page.get_textpage().get_text_bounded(errors="replace")
                page.close()
                out.write(text.translate(_CLEANED).encode("utf-8", "replace") + b"\f")
        except pypdfium2.PdfiumError as error:
            return ENCRYPTED if getattr(error, "err_code", None) == FPDF_ERR_PASSWORD else BROKEN
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))

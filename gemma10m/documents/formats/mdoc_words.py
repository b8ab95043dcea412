"""Names and signs of BSD's mdoc macros, mdoc(7), as a terminal shows them."""

from __future__ import annotations

import re

ENCLOSED = {  # macros around the rest of their line
    **{"Op": "[]", "Bq": "[]", "Pq": "()", "Brq": "{}", "Aq": "<>", "Dq": "“”", "Sq": "‘’", "Ql": "‘’", "Qq": '""'}
}
OPENED = {"Oo": "[", "Bo": "[", "Po": "(", "Bro": "{", "Ao": "<", "Do": "“", "So": "‘", "Qo": '"', "Xo": "", "Eo": ""}
CLOSED = {"Oc": "]", "Bc": "]", "Pc": ")", "Brc": "}", "Ac": ">", "Dc": "”", "Sc": "’", "Qc": '"', "Xc": "", "Ec": ""}
# Macros whose words are shown, with what is shown where there are none.
SHOWN = dict.fromkeys("Cm Li Em Sy Va Vt Ft Fa Ev Er Dv Ic Ad An Tn Sx No Ms Cd Fr Hf Mt Fd".split(), "") | {
    "Ar": "file ...",
    "Pa": "~",
}
SYSTEMS = {
    **{"Nx": "NetBSD", "Ox": "OpenBSD", "Fx": "FreeBSD", "Dx": "DragonFly", "Bsx": "BSD/OS", "Ux": "UNIX"},
    **{"Bx": "BSD", "At": "AT&T UNIX"},
}
CALLED = set("Fl Nm Xr Fn Fo Fc In Ap Ns Pf Ta Lk St Lb".split()).union(ENCLOSED, OPENED, CLOSED, SHOWN, SYSTEMS)
SENTENCES = {"Bt": "is currently in beta test.", "Ud": "currently under development."}
ENDS = {
    "Ex": "The {} utility exits 0 on success, and >0 if an error occurs.",
    "Rv": "The {}() function returns the value 0 if successful; otherwise the value -1 is returned and the global "
    "variable errno is set to indicate the error.",
}
MARKS = {"-bullet": "•", "-dash": "-", "-hyphen": "-", "-item": ""}  # of a list's items
REFERENCE = "A T B I J R N V U P Q C D O".split()  # parts of a reference, in their order

_UNIX = (
    (r"v([1-7])", r"Version \1 AT&T UNIX"),
    (r"32v", "Version 32V AT&T UNIX"),
    (r"(III|V)", r"AT&T System \1 UNIX"),
    (r"V\.([1-4])", r"AT&T System V Release \1 UNIX"),
)
_STANDARDS = (
    (r"-p?(1003[\w.-]*)", r"IEEE Std \1 (“POSIX.1”)"),
    (r"-ansiC(?:-89)?", "ANSI X3.159-1989 (“ANSI C89”)"),
    (r"-isoC(?:-90)?", "ISO/IEC 9899:1990 (“ISO C90”)"),
    (r"-isoC-99", "ISO/IEC 9899:1999 (“ISO C99”)"),
    (r"-isoC-2011", "ISO/IEC 9899:2011 (“ISO C11”)"),
    (r"-xpg(\d)[\d.]*", r"X/Open Portability Guide Issue \1 (“XPG\1”)"),
    (r"-susv(\d)", r"Version \1 of the Single UNIX Specification (“SUSv\1”)"),
)


def system_name(name: str, version: str) -> str:
    """Return an operating system's name with its version."""
    if name == "At":
        return _spelt(version, _UNIX) or SYSTEMS[name]
    return version + SYSTEMS[name] if name == "Bx" else f"{SYSTEMS[name]} {version}".strip()


def standard_name(option: str) -> str:
    """Return the name of a standard, such as `-p1003.1-2008`: spelt out, or as it is given."""
    return _spelt(option, _STANDARDS) or option.removeprefix("-")


def _spelt(given: str, forms: tuple[tuple[str, str], ...]) -> str:
    return next((re.sub(form, shown, given) for form, shown in forms if re.fullmatch(form, given)), "")

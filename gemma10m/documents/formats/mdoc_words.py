"""Names and signs of BSD's mdoc macros, mdoc(7), as a terminal shows them."""

from __future__ import annotations

import re

# Macros around the rest of their line, with the signs that they put there.
ENCLOSED = dict(zip("Op Bq Pq Brq Aq Dq Sq Ql Qq".split(), '[] [] () {} <> “” ‘’ ‘’ ""'.split(), strict=True))
OPENED = {"Oo": "[", "Bo": "[", "Po": "(", "Bro": "{", "Ao": "<", "Do": "“", "So": "‘", "Qo": '"', "Xo": "", "Eo": ""}
CLOSED = {"Oc": "]", "Bc": "]", "Pc": ")", "Brc": "}", "Ac": ">", "Dc": "”", "Sc": "’", "Qc": '"', "Xc": "", "Ec": ""}
# Macros whose words are shown, with what is shown where there are none.
SHOWN = dict.fromkeys("Cm Li Em Sy Va Vt Ft Fa Ev Er Dv Ic Ad An Tn Sx No Ms Cd Fr Hf Mt Fd".split(), "") | {
    "Ar": "file ...",
    "Pa": "~",
}
SYSTEMS = {
    "Nx": "NetBSD",
    "Ox": "OpenBSD",
    "Fx": "FreeBSD",
    "Dx": "DragonFly",
    "Bsx": "BSD/OS",
    "Bx": "BSD",
    "Ux": "UNIX",
    "At": "AT&T UNIX",
}
CALLED = set("Fl Nm Xr Fn Fo Fc In Ap Ns Pf Ta Lk St Lb".split()).union(ENCLOSED, OPENED, CLOSED, SHOWN, SYSTEMS)
SENTENCES = {"Bt": "is currently in beta test.", "Ud": "currently under development."}
_FAILED = "otherwise the value -1 is returned and the global variable errno is set to indicate the error."
ENDS = {  # about none, one or several
    "Ex": (
        "",
        "The {} utility exits 0 on success, and >0 if an error occurs.",
        "The {} utilities exit 0 on success, and >0 if an error occurs.",
    ),
    "Rv": (
        f"Upon successful completion, the value 0 is returned; {_FAILED}",
        f"The {{}} function returns the value 0 if successful; {_FAILED}",
        f"The {{}} functions return the value 0 if successful; {_FAILED}",
    ),
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
    (r"-p?(1003\.(\d)[\w.-]*)", r"IEEE Std \1 (“POSIX.\2”)"),
    (r"-ansiC(?:-89)?", "ANSI X3.159-1989 (“ANSI C89”)"),
    (r"-isoC(?:-90)?", "ISO/IEC 9899:1990 (“ISO C90”)"),
    (r"-isoC-99", "ISO/IEC 9899:1999 (“ISO C99”)"),
    (r"-isoC-2011", "ISO/IEC 9899:2011 (“ISO C11”)"),
    (r"-xpg4\.2", "X/Open Portability Guide Issue 4, Version 2 (“XPG4.2”)"),
    (r"-xpg(\d)", r"X/Open Portability Guide Issue \1 (“XPG\1”)"),
    (r"-susv(\d)", r"Version \1 of the Single UNIX Specification (“SUSv\1”)"),
)
_LIBRARIES = {
    "libc": "Standard C Library",
    "libcrypt": "Crypt Library",
    "libcurses": "Curses Library",
    "libedit": "Command Line Editor Library",
    "libkvm": "Kernel Data Access Library",
    "libm": "Math Library",
    "libmagic": "Magic Number Recognition Library",
    "libpthread": "POSIX Threads Library",
    "librt": "POSIX Real-time Library",
    "libutil": "System Utilities Library",
    "libz": "Compression Library",
}


def system_name(name: str, version: str, *others: str) -> str:
    """Return an operating system's name with its version."""
    if name == "Bx":
        return "-".join((version + SYSTEMS[name], *others))
    shown = _spelt(version, _UNIX) or SYSTEMS[name] if name == "At" else f"{SYSTEMS[name]} {version}".strip()
    return " ".join((shown, *others))


def library_name(name: str) -> str:
    """Return the name of a library, such as `libc`."""
    return f"{_LIBRARIES.get(name, 'library')} ({name}, -l{name.removeprefix('lib')})"


def ending(name: str, named: list[str]) -> str:
    """Return the sentence about the exit status of programs, or about the values that functions return."""
    return ENDS[name][min(len(named), 2)].format(listed([each + "()" * (name == "Rv") for each in named]))


def listed(names: list[str]) -> str:
    """Return names as a sentence lists them."""
    if len(names) < 3:
        return " and ".join(names)
    return ", ".join((*names[:-1], f"and {names[-1]}"))


def standard_name(option: str) -> str:
    """Return the name of a standard, such as `-p1003.1-2008`: spelt out, or as it is given."""
    return _spelt(option, _STANDARDS) or option.removeprefix("-")


def _spelt(given: str, forms: tuple[tuple[str, str], ...]) -> str:
    return next((re.sub(form, shown, given) for form, shown in forms if re.fullmatch(form, given)), "")

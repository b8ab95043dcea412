"""Texts in encodings that nothing declares: which are guessed, which stay as they were, and the notices."""

from __future__ import annotations

import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest
from formats import WORD, opened, text_of, zipped

from gemma10m.documents import limits, open_source
from gemma10m.documents.guessing import WINDOWS_1252, Guess, guess_of, not_utf8
from gemma10m.documents.safe_open import BLOCK
from gemma10m.errors import DocumentError

JAPANESE = "メロスは激怒した。必ず、かの邪智暴虐の王を除かなければならぬと決意した。\nメロスには政治がわからぬ。\n"
CHINESE = "北京的冬天很冷，但是人们还是喜欢在公园里散步。\n孩子们在湖面上滑冰，老人们在亭子里下棋。\n"
TAIWANESE = "臺北的夏天很熱，人們喜歡在公園裡散步。\n孩子們在河邊玩水，老人們在樹下喝茶聊天。\n"
KOREAN = "서울의 겨울은 춥지만 사람들은 여전히 공원에서 산책하기를 좋아한다.\n아이들은 얼음 위에서 논다.\n"
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n"
UKRAINIAN = "Реве та стогне Дніпр широкий, сердитий вітер завива, додолу верби гне високі.\n"
GREEK = "Κάθε αρχή και δύσκολη, λέει ο λαός· όμως όποιος επιμένει, φτάνει στο τέλος του δρόμου.\n"
HEBREW = "בראשית ברא אלהים את השמים ואת הארץ. והארץ היתה תהו ובהו וחשך על פני תהום.\n"
ARABIC = "كان يا ما كان في قديم الزمان ملك عادل يحب شعبه، وكان الناس يعيشون في سلام.\n"
HINDI = "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।\n"
THAI = "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย มีประชากรมากที่สุดในประเทศ\n"
POLISH = "Litwo! Ojczyzno moja! ty jesteś jak zdrowie; ile cię trzeba cenić, ten tylko się dowie, kto cię stracił.\n"
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy, a proto se všichni sešli u řeky a čekali na večer.\n"
HUNGARIAN = "Mély kútja ez a múltnak, őrült szelek fújnak fölötte, és a víz tükrében csillagok ülnek.\n"
TURKISH = "Bugün hava çok güzel, çocuklar bahçede oynuyor ve şarkı söylüyorlar, kuşlar ağaçların üstünde.\n"
FRENCH = "L'été dernier, à la campagne, mon frère a rêvé d'un château où les élèves étaient tous très âgés.\n"
PORTUGUESE = "As estações não são iguais: no verão há manhãs de sol, e à tarde vêm canções de outras nações.\n"
GERMAN = "Über den Wäldern fließt der Fluß, und die Mädchen trösten die müden Gäste mit süßen Äpfeln.\n"

FOUND = {
    "Shift-JIS": ("cp932", JAPANESE),
    "EUC-JP": ("euc_jp", JAPANESE),
    "GB 18030": ("gbk", CHINESE),
    "Big5": ("big5", TAIWANESE),
    "EUC-KR": ("euc_kr", KOREAN),
    "KOI8-R": ("koi8_r", RUSSIAN),
    "KOI8-U": ("koi8_u", UKRAINIAN),
    "Windows-1251": ("cp1251", RUSSIAN),
    "IBM 866": ("cp866", RUSSIAN),
    "ISO-8859-5": ("iso8859_5", RUSSIAN),
    "Mac Cyrillic": ("mac_cyrillic", RUSSIAN),
    "Windows-1253": ("cp1253", "Άρα " + GREEK),
    "ISO-8859-7": ("iso8859_7", "Άρα " + GREEK),
    "Windows-1255": ("cp1255", HEBREW),
    "Windows-1256": ("cp1256", ARABIC),
    "Windows-874": ("cp874", THAI),
    "Windows-1250": ("cp1250", CZECH),
    "ISO-8859-2": ("iso8859_2", POLISH),
    "IBM 852": ("cp852", POLISH),
    "Windows-1254": ("cp1254", TURKISH),
    "IBM 850": ("cp850", PORTUGUESE * 4),
    "IBM 437": ("cp437", GERMAN.replace("Über", "½ Über") * 4),
    "Mac Roman": ("mac_roman", FRENCH * 4),
}
SMALL = 'Temp (°C);n\n"21,5";1\n'
WESTERN = {
    "French": FRENCH,
    "German": GERMAN,
    "one letter": "The café is closed.\n",
    "names": "José García, Zoë Müller, Søren Ångström\n",
    "typographic quotes": "“It’s late,” she said – and left…\n" * 50,
    "a table of degrees": SMALL + "".join(f"{n}.5 °C;{n * 7}\n" for n in range(200)),
    "a heading with a degree": SMALL + "".join(f"{n}.5;{n * 7}\n" for n in range(200)),
    "source code": "def f(x):\n    return x  # größer als 3\n\n" + "def g(y):\n    return y + 1\n\n" * 40,
    "a page's word for it": 'Write <meta charset="koi8-r"> above it.\n' + "Déjà vu, naïve, “façade”.\n" * 9,
}


def said(guess: Guess, of: str = "it") -> str:
    return f"{of} is {not_utf8(guess)}"


@pytest.mark.parametrize("name", FOUND)
def test_a_text_in_an_old_encoding_is_read_and_the_guess_is_reported(tmp_path: Path, name: str) -> None:
    codec, text = FOUND[name]
    document = opened(tmp_path, "a.txt", text.encode(codec))
    assert text_of(document) == text
    (notice,) = document.notices
    assert f"a.txt: it is not UTF-8: read as {name} (if letters look wrong" in notice


@pytest.mark.parametrize("case", WESTERN)
def test_western_text_stays_windows_1252(tmp_path: Path, case: str) -> None:
    document = opened(tmp_path, "a.txt", WESTERN[case].encode("cp1252"))
    assert text_of(document) == WESTERN[case]
    assert document.files[0].encoding == "cp1252"
    assert document.notices == (said(WINDOWS_1252, f"{tmp_path}/a.txt"),)


def test_utf8_with_a_wrong_byte_stays_utf8(tmp_path: Path) -> None:
    text = JAPANESE * 2
    document = opened(tmp_path, "a.txt", text.encode() + b"\x80")
    assert text_of(document) == text + "\ufffd"
    assert document.notices == (f"{tmp_path}/a.txt: 1 byte is not UTF-8: read as U+FFFD",)


SHORT = {"Shift-JIS": "契約書のお知らせ\n", "Windows-1251": "Привет, как дела?\n", "Windows-1253": "Καλημέρα κόσμε\n"}


@pytest.mark.parametrize("name", SHORT)
def test_a_line_is_enough_where_letters_are_many(tmp_path: Path, name: str) -> None:
    document = opened(tmp_path, "a.txt", SHORT[name].encode(FOUND[name][0]))
    assert text_of(document) == SHORT[name]
    assert f"read as {name} " in document.notices[0]


def test_too_little_to_tell_is_read_as_windows_1252(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.txt", "Ж\n".encode("koi8_r"))
    assert text_of(document) == "ö\n"
    assert document.notices == (said(WINDOWS_1252, f"{tmp_path}/a.txt"),)


SHIFT_JIS = Guess("cp932", "Shift-JIS")
SUBTITLE = "1\n00:00:01,000 --> 00:00:03,000\n{}\n\n2\n00:00:04,000 --> 00:00:06,000\n{}\n"
LINES = JAPANESE.splitlines()
WRITTEN = {
    "a page": ("a.html", f"<html><head><title>x</title></head><body><p>{LINES[0]}<p>{LINES[1]}</body></html>"),
    "a page of much markup": (
        "a.html",
        "<html><head><style>td { color: red }</style><script>var shown = 1;</script></head><body><table>"
        + "".join(
            f'<tr class="row"><td><a href="/page.html?id=48213" class="link">{line}</a></td></tr>' for line in LINES
        )
        + "<script>"
        + "var more = 1;\n" * 300
        + "</script></table></body></html>",
    ),
    "subtitles": ("a.srt", SUBTITLE.format(*LINES)),
    "a table": ("a.csv", f"番号,本文\n1,{LINES[0]}\n2,{LINES[1]}\n"),
    "lines of an old Macintosh": ("a.txt", JAPANESE.replace("\n", "\r")),
    "a manual page": ("a.1", f".TH LS 1\n.SH 名前\n{LINES[0]}\n{LINES[1]}\n"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_every_format_that_declares_nothing_is_guessed(tmp_path: Path, case: str) -> None:
    name, text = WRITTEN[case]
    document = opened(tmp_path, name, text.encode("cp932"))
    assert all(line in text_of(document) for line in LINES)
    assert document.notices == (f"{tmp_path}/{name}: {said(SHIFT_JIS)}",)


def test_what_a_page_declares_comes_before_a_guess(tmp_path: Path) -> None:
    page = b"<meta charset=windows-1252><p>" + JAPANESE.encode("cp932")
    document = opened(tmp_path, "a.html", page)
    assert text_of(document).startswith("ƒ\x81ƒ\x8dƒX‚Í")
    assert document.notices == ()


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_part_of_a_mail_without_a_charset_is_guessed(tmp_path: Path, kind: str) -> None:
    mail = f"From: a@x.org\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/{kind}\n\n".encode()
    document = opened(tmp_path, "a.eml", mail + JAPANESE.encode("cp932"))
    assert LINES[0] in text_of(document)
    what = "it" if kind == "html" else "a part of message 1"
    assert document.notices == (f"{tmp_path}/a.eml: {said(SHIFT_JIS, what)}",)


def test_a_mail_s_charset_comes_before_a_guess(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["From"] = "a@x.org"
    mail.set_content(RUSSIAN, charset="koi8-r", cte="8bit")
    document = opened(tmp_path, "a.eml", mail.as_bytes())
    assert (RUSSIAN in text_of(document), document.notices) == (True, ())


def test_a_member_of_an_archive_is_guessed_as_the_file_is(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.zip", zipped({"a.txt": RUSSIAN.encode("koi8_r")}))
    assert RUSSIAN in text_of(document)
    assert document.notices == (f"a.txt: {said(Guess('koi8-r', 'KOI8-R'))}",)


def test_a_text_inside_a_word_file_is_guessed(tmp_path: Path) -> None:
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    chunk = f'<w:altChunk r:id="c" xmlns:r="{relations}"/>'
    members: dict[str, bytes | str] = {
        "word/document.xml": f"<w:document {WORD}><w:body>{chunk}</w:body></w:document>",
        "word/_rels/document.xml.rels": (
            f'<Relationships><Relationship Id="c" Type="{relations}/aFChunk" Target="c.txt"/></Relationships>'
        ),
        "word/c.txt": RUSSIAN.encode("koi8_r"),
    }
    document = opened(tmp_path, "a.docx", zipped(members))
    assert RUSSIAN in text_of(document)
    assert document.notices == (f"{tmp_path}/a.docx: {said(Guess('koi8-r', 'KOI8-R'))}",)


@pytest.mark.parametrize("at", [0, 5, 9])
def test_bytes_that_a_guessed_encoding_lacks_are_replaced_and_reported(tmp_path: Path, at: int) -> None:
    line = JAPANESE.encode("euc_jp")
    document = opened(tmp_path, "a.txt", line * at + b"\xff\n" + line * (9 - at))
    assert text_of(document) == JAPANESE * at + "\ufffd\n" + JAPANESE * (9 - at)
    assert [each.partition("; ")[2] for each in document.notices] == ["1 byte is not EUC-JP: read as U+FFFD"]


@pytest.mark.parametrize("before", [BLOCK - 3, BLOCK, 3 * BLOCK + 1])
def test_a_text_that_begins_as_ascii_is_guessed_by_what_follows(tmp_path: Path, before: int) -> None:
    text = "x" * before + "\n" + JAPANESE * 500
    document = opened(tmp_path, "a.txt", text.encode("euc_jp"))
    assert text_of(document) == text


def test_a_text_that_is_not_held_whole_is_decoded_block_by_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LARGEST_WHOLE", BLOCK)
    text = "x" + JAPANESE * 2000
    document = opened(tmp_path, "a.txt", text.encode("euc_jp") + b"\xff")
    assert text_of(document) == text + "\ufffd"
    assert document.notices == (
        f"{tmp_path}/a.txt: {said(Guess('euc_jis_2004', 'EUC-JP'))}; 1 byte is not EUC-JP: read as U+FFFD",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_other_texts_that_are_not_held_whole_are_read_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(limits, "LARGEST_WHOLE", BLOCK)
    document = opened(tmp_path, "a.txt", (GERMAN * 2000).encode(encoding))
    assert text_of(document) == GERMAN * 2000
    assert document.files[0].stamp is None


WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("text", [GERMAN * 300, JAPANESE * 300, RUSSIAN, HINDI, "12345678"])
@pytest.mark.parametrize("encoding", WIDE)
def test_utf_16_and_utf_32_are_known_without_a_mark(tmp_path: Path, encoding: str, text: str) -> None:
    document = opened(tmp_path, "a.txt", text.encode(encoding))
    assert text_of(document) == text
    assert document.notices == (f"{tmp_path}/a.txt: no byte-order mark: read as {encoding.upper()}",)
    assert (document.files[0].encoding, document.files[0].mark) == (encoding, 0)


@pytest.mark.parametrize("encoding", WIDE)
def test_bytes_left_over_at_the_end_of_unmarked_text_are_replaced(tmp_path: Path, encoding: str) -> None:
    left = 3 if "32" in encoding else 1
    document = opened(tmp_path, "a.txt", GERMAN.encode(encoding) + b"a\0\0"[:left])
    assert text_of(document) == GERMAN + "\ufffd"
    bytes_are = "3 bytes are" if left == 3 else "1 byte is"
    assert document.notices[0].startswith(f"{tmp_path}/a.txt: {bytes_are} not {encoding.upper()}: read as U+FFFD; no ")


def test_an_unmarked_page_and_subtitles_are_known_as_such(tmp_path: Path) -> None:
    page = opened(tmp_path, "page", f"<!doctype html><html><p>{RUSSIAN}</html>".encode("utf-16-le"))
    film = opened(tmp_path, "a.srt", SUBTITLE.format(*LINES).encode("utf-16-be"))
    assert text_of(page) == RUSSIAN
    assert "-->" not in text_of(film)
    assert LINES[0] in text_of(film)


JUNK = {
    "ASCII with a NUL": b"x" * 4001 + b"\0" + b"some words\n" * 900,
    "a name with NULs": b"SQLite format 3\0",
    "numbers": b"".join(n.to_bytes(2, "little") for n in range(0, 60_000, 7)),
    "zeros": bytes(500),
    "an ELF file": b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0>\0\x01\0\0\0" + bytes(40),
    "controls between letters": "ab\x01cd\x02ef\x03gh".encode("utf-16-le"),
    "a short one": b"ab\0c\0d",
    "half a pair": "abcdefgh".encode("utf-16-le") + b"\0\xdc" + "more of it".encode("utf-16-le"),
    "a few bytes": b"\0\1\2\3",
}


@pytest.mark.parametrize("case", JUNK)
def test_binary_files_stay_refused(tmp_path: Path, case: str) -> None:
    with pytest.raises(DocumentError, match="binary"):
        opened(tmp_path, "a.txt", JUNK[case])


def test_the_same_bytes_are_guessed_alike_whatever_the_blocks() -> None:
    data = b"x" * 5000 + (RUSSIAN * 3000).encode("cp1251")
    blocks = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    assert guess_of(blocks) == guess_of([data]) == Guess("cp1251", "Windows-1251")


def test_a_grown_file_begins_as_it_was_unless_its_encoding_is_another_now(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def begins(before: bytes, after: bytes) -> bool:
        path.write_bytes(before)
        old = open_source(path)
        path.write_bytes(before + after)
        return open_source(path).prefix_sha256(old.nbytes) == old.files[0].sha256

    assert begins(RUSSIAN.encode("koi8_r"), (RUSSIAN * 9).encode("koi8_r"))
    assert begins(b"plain\n", (RUSSIAN * 9).encode("koi8_r"))
    assert begins(b"plain\n", "naïve\n".encode("cp1252"))
    assert begins(GERMAN.encode("utf-16-le"), GERMAN.encode("utf-16-le"))
    assert not begins("naïve\n".encode("cp1252"), (RUSSIAN * 9).encode("koi8_r"))
    assert not begins("naïve\n".encode(), (FRENCH * 9).encode("cp1252"))
    assert not begins("naïve\n".encode("cp1252"), "naïve\n".encode() * 9)


def test_a_short_text_with_lines_of_an_old_mac_is_mac_roman(tmp_path: Path) -> None:
    text = "name,city\rJosé,Málaga\rFrançois,Orléans\r"
    document = opened(tmp_path, "a.csv", text.encode("mac_roman"))
    assert text_of(document) == text.replace("\r", "\n")
    assert "read as Mac Roman" in document.notices[0]
    lines = text.replace("\r", "\n").replace("Fran", "Jean")
    assert text_of(opened(tmp_path, "b.csv", lines.encode("cp1252"))) == lines


def test_chardet_is_not_imported_for_utf_8() -> None:
    program = (
        "import pathlib, sys, tempfile; from gemma10m.documents import open_source\n"
        "path = pathlib.Path(tempfile.mkdtemp()) / 'a.txt'\n"
        "for data in ('plain', 'naïve café', 'naïve'.encode('utf-16'), b'caf\\xe9'):\n"
        "    path.write_bytes(data if isinstance(data, bytes) else data.encode())\n"
        "    open_source(path); print('chardet' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False", "True"]

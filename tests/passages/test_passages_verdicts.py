"""What verifies an answer: its names, numbers, words and negations in one sentence or one row of the text, in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from passage_texts import FILLER, written

from gemma10m.passages.building import build_index
from gemma10m.passages.cutting import sentences
from gemma10m.passages.folding import fold, searchable
from gemma10m.passages.index import open_index
from gemma10m.passages.quotes import locate
from gemma10m.passages.verdicts import Verification, closest, verify

CASES = [  # text, question, answer, whether it is verified, the file's name
    ("Claimant name: Orla Quist", "Who is the claimant?", "I am the claimant.", False, "t.txt"),
    ("Anne had never seen the mill.", "Where is the mill?", "I have never seen the mill.", False, "t.txt"),
    ("I sold the mill, said Anne.", "Who sold it?", "I sold the mill.", True, "t.txt"),
    ("Anne is taller than Mary.", "Is Anne taller than Mary?", "Anne is taller than Mary.", True, "t.txt"),
    ("Anne is the taller one.", "Who is the taller one, Anne or Mary?", "Anne.", True, "t.txt"),
    (
        "The price of the barrel is 1 250 euros.",
        "What is the price of the barrel?",
        "The price of the barrel is 250 euros.",
        False,
        "t.txt",
    ),
    (
        "The price of the barrel is 1 250 euros.",
        "What is the price of the barrel?",
        "The price of the barrel is 1250 euros.",
        True,
        "t.txt",
    ),
    (
        "The price of the barrel is 1\u202f250 euros.",
        "What is the price of the barrel?",
        "The price of the barrel is 1,250 euros.",
        True,
        "t.txt",
    ),
    ("The price of the barrel is 1’250 euros.", "What is the price of the barrel?", "1,250 euros", True, "t.txt"),
    (
        "The price of the barrel is 1\xa0250 euros.",
        "What is the price of the barrel?",
        "It is 250 euros.",
        False,
        "t.txt",
    ),
    ("The price of the barrel is 1 250 euros.", "What is the price of the barrel?", "€1,250", True, "t.txt"),
    (
        "The price was conﬁrmed as ４８２１３.",
        "What was the price?",
        "The price was confirmed as 48213.",
        True,
        "t.txt",
    ),
    ("The amber-lan-\ntern was lit at noon.", "What was lit?", "The amber-lantern was lit at noon.", True, "t.txt"),
    ("The am\xadber lantern was lit.", "What was lit?", "The amber lantern.", True, "t.txt"),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the price of cedar?",
        "The price of cedar is 90417.",
        True,
        "t.txt",
    ),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the price of cedar?",
        "90417",
        True,
        "t.txt",
    ),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the price of cedar?",
        "The price of cedar is 48213.",
        False,
        "t.txt",
    ),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the price of cedar?",
        "48213",
        False,
        "t.txt",
    ),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the price of cedar?",
        "7",
        False,
        "t.txt",
    ),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the weight of cedar?",
        "7 kg",
        True,
        "t.txt",
    ),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the weight of cedar?",
        "The weight of cedar is 7 km.",
        False,
        "t.txt",
    ),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the weight of cedar?",
        "The weight of cedar is 90417.",
        False,
        "t.txt",
    ),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the weight of cedar?",
        "Cedar has the price 7 and the weight 90417.",
        False,
        "t.txt",
    ),
    (
        "| item | price | weight (kg) |\n|---|---|---|\n| amber | 48213 | 5 |\n| cedar | 90417 | 7 |\n",
        "What is the weight of cedar?",
        "Cedar has the price 90417 and the weight 7.",
        True,
        "t.txt",
    ),
    (
        "item,price\namber,48213\ncedar,90417\n",
        "What is the price of cedar?",
        "The price of cedar is 90417.",
        True,
        "t.csv",
    ),
    (
        "item,price\namber,48213\ncedar,90417\n",
        "What is the price of cedar?",
        "The price of cedar is 48213.",
        False,
        "t.csv",
    ),
    (
        "item\tprice\namber\t48213\ncedar\t90417\n",
        "What is the price of cedar?",
        "The price of cedar is 90,417.",
        True,
        "t.txt",
    ),
    (
        "item\tprice\namber\t48213\ncedar\t90417\n",
        "What is the price of cedar?",
        "The price of cedar is 48213.",
        False,
        "t.txt",
    ),
    (
        "On 5 Jan. 1820 Mr. J. R. Quist paid 500 marks for the mill at St. Ives.",
        "Who paid 500 marks?",
        "Mr. J. R. Quist paid 500 marks for the mill at St. Ives.",
        True,
        "t.txt",
    ),
    (
        "On 5 Jan. 1820 Mr. J. R. Quist paid 500 marks for the mill at St. Ives.",
        "Who paid 500 marks for the mill?",
        "Quist.",
        True,
        "t.txt",
    ),
    (
        "On 5 Jan. 1820 Mr. J. R. Quist paid 500 marks for the mill at St. Ives.",
        "How much did Quist pay for the mill?",
        "500 marks.",
        True,
        "t.txt",
    ),
    (
        "On 5 Jan. 1820 Mr. J. R. Quist paid 500 marks for the mill at St. Ives.",
        "How much did Quist pay for the mill?",
        "He paid 1820 marks.",
        False,
        "t.txt",
    ),
    ("Anne sold the mill to Thomas.", "Who sold the mill?", "Thomas sold the mill to Anne.", False, "t.txt"),
    ("Anne sold the mill to Thomas.", "Who sold the mill?", "Anne sold the mill to Thomas.", True, "t.txt"),
    ("Anne sold the mill to Thomas.", "Who sold the mill to Anne?", "Thomas.", False, "t.txt"),
    ("Anne sold the mill to Thomas.", "Who sold the mill to Thomas?", "Anne.", True, "t.txt"),
    ("Anne is 30; Thomas is 45.", "How old is Thomas?", "Thomas is 30.", False, "t.txt"),
    ("Anne is 30; Thomas is 45.", "How old is Thomas?", "30.", False, "t.txt"),
    ("Anne is 30; Thomas is 45.", "How old is Thomas?", "45.", True, "t.txt"),
    ("Anne is 30; Thomas is 45.", "How old is Anne?", "He is 45.", False, "t.txt"),
    ("Anne is 30; Thomas is 45.", "How old is Anne?", "She is 30.", True, "t.txt"),
    ("Anne is 30 and Thomas is 45.", "How old is Thomas?", "He is 30.", False, "t.txt"),
    ("Anne is 30, Thomas is 45.", "How old is Thomas?", "Thomas is 45.", True, "t.txt"),
    ("Anne is 30, Thomas is 45.", "How old is Anne?", "Anne is 45.", False, "t.txt"),
    (
        "Henrietta Musgrove married Charles Hayter.",
        "Who did Henrietta Musgrove marry?",
        "Charles Hayter.",
        True,
        "t.txt",
    ),
    (
        "Henrietta Musgrove married Charles Hayter.",
        "Who did Henrietta Musgrove marry?",
        "She married Charles Hayter.",
        True,
        "t.txt",
    ),
    (
        "Henrietta Musgrove married Charles Hayter.",
        "Who did Henrietta Musgrove marry?",
        "Who knows? Charles Hayter.",
        True,
        "t.txt",
    ),
    ("The rent was paid before 1820.", "When?", "The rent was paid in 1820.", False, "t.txt"),
    ("The rent was paid in 1820.", "When?", "The rent was paid after 1820.", False, "t.txt"),
    ("The mill was sold to Anne by Thomas.", "?", "The mill was sold by Anne to Thomas.", False, "t.txt"),
    ("价格不是1250元。", "价格是多少?", "价格是1250元。", False, "t.txt"),
    ("价格是1250元。", "价格是多少?", "价格是1250元。", True, "t.txt"),
    ("价格是1250元。", "价格是多少?", "价格是250元。", False, "t.txt"),
    ("她住在東京都に。", "どこ?", "京都", False, "t.txt"),
    ("国王的宝藏埋在老橡树下面。", "国王的宝藏在哪里?", "老橡树下面", True, "t.txt"),
    (
        "Der Preis des Fasses ist 1.250 Euro.",
        "Wie hoch ist der Preis?",
        "Der Preis des Fasses ist 1250 Euro.",
        True,
        "t.txt",
    ),
    (
        "Der Weg ist 3,5 km lang und das ist nicht weit.",
        "Wie lang ist der Weg?",
        "Der Weg ist 3,5 km lang.",
        False,
        "t.txt",
    ),
    ("Der Weg ist 3,5 km lang.", "Wie lang ist der Weg?", "3.5 km", True, "t.txt"),
    (
        "Le prix du baril est de 1 250,50 €.",
        "Quel est le prix du baril ?",
        "Le prix du baril est de 1250,50 €.",
        True,
        "t.txt",
    ),
    (
        "The max_len option defaults to 512.",
        "What is the default of max_len?",
        "max_len defaults to 512.",
        True,
        "t.txt",
    ),
    (
        "The max_len option defaults to 512.",
        "What is the default of max_len?",
        "The max_len option defaults to 512.",
        True,
        "t.txt",
    ),
    ("The max_len option defaults to 512.", "?", "The max_length option defaults to 512.", False, "t.txt"),
    ("Open from 10:30 to 18:00.", "When?", "Open from 10:30 to 18:00.", True, "t.txt"),
    ("It opens at 10:30.", "When does it open?", "At 30.", False, "t.txt"),
    ("The notice is 5-10 days.", "How long is the notice?", "The notice is 10 days.", False, "t.txt"),
    ("The notice is 5–10 days.", "How long is the notice?", "The notice is 5 to 10 days.", True, "t.txt"),
    (
        "It was Anne's dog that slept; the cat's name was O'Brien.",
        "What was the cat's name?",
        "The cat's name was O’Brien.",
        True,
        "t.txt",
    ),
    ("May the tenant sublet? Will Anne marry Thomas?", "?", "Anne will marry Thomas.", False, "t.txt"),
    ("Anne's brother Thomas is 45.", "How old is Anne?", "45.", False, "t.txt"),
    ("Anne's brother Thomas is 45.", "How old is Anne?", "Anne is 45.", False, "t.txt"),
    ("Anne's brother Thomas is 45.", "How old is Thomas?", "Thomas is 45.", True, "t.txt"),
    (
        "| Item | Price | Weight |\n|---|---|---|\n| amber lamp | 1 250 € | 5 kg |\n| cedar box | 90,417 € | 7 km |\n",
        "What is the price of the cedar box?",
        "The price of the cedar box is 90417 euros.",
        True,
        "t.txt",
    ),
    (
        "| Item | Price | Weight |\n|---|---|---|\n| amber lamp | 1 250 € | 5 kg |\n| cedar box | 90,417 € | 7 km |\n",
        "What is the price of the cedar box?",
        "90.417 €",
        False,
        "t.txt",
    ),
    (
        "| Item | Price | Weight |\n|---|---|---|\n| amber lamp | 1 250 € | 5 kg |\n| cedar box | 90,417 € | 7 km |\n",
        "What is the price of the amber lamp?",
        "The amber lamp costs 250 €.",
        False,
        "t.txt",
    ),
    (
        "| Item | Price | Weight |\n|---|---|---|\n| amber lamp | 1 250 € | 5 kg |\n| cedar box | 90,417 € | 7 km |\n",
        "What is the price of the amber lamp?",
        "1250 €",
        True,
        "t.txt",
    ),
    (
        "| Item | Price | Weight |\n|---|---|---|\n| amber lamp | 1 250 € | 5 kg |\n| cedar box | 90,417 € | 7 km |\n",
        "What is the weight of the amber lamp?",
        "5 kg",
        True,
        "t.txt",
    ),
    (
        "| Item | Price | Weight |\n|---|---|---|\n| amber lamp | 1 250 € | 5 kg |\n| cedar box | 90,417 € | 7 km |\n",
        "What is the weight of the amber lamp?",
        "5 km",
        False,
        "t.txt",
    ),
    (
        "| Item | Price | Weight |\n|---|---|---|\n| amber lamp | 1 250 € | 5 kg |\n| cedar box | 90,417 € | 7 km |\n",
        "What is the weight of the amber lamp?",
        "7 km",
        False,
        "t.txt",
    ),
    (
        "| Item | Price | Weight |\n|---|---|---|\n| amber lamp | 1 250 € | 5 kg |\n| cedar box | 90,417 € | 7 km |\n",
        "What is the weight of the amber lamp?",
        "The weight of the amber lamp is 5 kg.",
        True,
        "t.txt",
    ),
    (
        "Der Mieter zahlt am 3. Mai 1820 einen Betrag von 1.250,50 Euro an Anna.",
        "Was zahlt der Mieter?",
        "250,50 Euro",
        False,
        "t.txt",
    ),
    (
        "Der Mieter zahlt am 3. Mai 1820 einen Betrag von 1.250,50 Euro an Anna.",
        "Wann?",
        "Am 3. Juni 1820.",
        False,
        "t.txt",
    ),
    ("Der Mieter zahlt nicht.", "Zahlt der Mieter?", "Der Mieter zahlt.", False, "t.txt"),
    ("Le locataire ne paie pas.", "?", "Le locataire paie.", False, "t.txt"),
    ("Call 030 1234567 or +49 30 7654321 for help.", "What is the number?", "The number is 1234567.", False, "t.txt"),
    ("Call 030 1234567 or +49 30 7654321 for help.", "Which number do I call?", "030 1234567", True, "t.txt"),
    ("Call 030 1234567 or +49 30 7654321 for help.", "?", "30 7654321", False, "t.txt"),
    ("Call 030 1234567 or +49 30 7654321 for help.", "Whom to call?", "Call 0301234567.", True, "t.txt"),
    (
        "def area(width):\n    MAX_LEN = 512\n    return width * MAX_LEN\n",
        "What is MAX_LEN?",
        "MAX_LEN is 512.",
        True,
        "a.py",
    ),
    (
        "def area(width):\n    MAX_LEN = 512\n    return width * MAX_LEN\n",
        "What is MAX_LEN?",
        "MAX_LENGTH is 512.",
        False,
        "a.py",
    ),
    (
        "def area(width):\n    MAX_LEN = 512\n    return width * MAX_LEN\n",
        "What is MAX_LEN?",
        "MAX_LEN is 51.",
        False,
        "a.py",
    ),
    (
        "def area(width):\n    MAX_LEN = 512\n    return width * MAX_LEN\n",
        "What is returned?",
        "It returns MAX_LEN * width",
        False,
        "a.py",
    ),
    ("The rent rose by 5%.", "?", "The rent rose by 5.", False, "t.txt"),
    ("The rent rose by 5%.", "?", "The rent rose by 5 percent.", True, "t.txt"),
    ("The rent rose by 5 %.", "By how much did the rent rise?", "5%", True, "t.txt"),
    ("It costs 5 million euros.", "?", "It costs 5 euros.", False, "t.txt"),
    ("It costs $5.", "?", "It costs €5.", False, "t.txt"),
    ("It costs $5.", "?", "It costs 5 dollars.", True, "t.txt"),
    ("It was -5 °C in Bath.", "?", "It was 5 °C in Bath.", False, "t.txt"),
    ("It was −5 °C in Bath.", "?", "It was -5 °C in Bath.", True, "t.txt"),
    ("Anne was the 5th child.", "?", "Anne was the 5 child.", False, "t.txt"),
    ("Version 3.10 is out.", "?", "Version 3.1 is out.", False, "t.txt"),
    ("It is 3.50 m wide.", "?", "It is 3.5 m wide.", False, "t.txt"),
    ("Anne sold two mills to Thomas.", "?", "Anne sold mills to Thomas.", True, "t.txt"),
    ("Anne sold two mills.", "?", "Anne sold three mills.", False, "t.txt"),
    ("The price is two hundred marks.", "What is the price?", "Hundred marks.", False, "t.txt"),
    (
        "Anne did not sell the mill, and Thomas bought the barn.",
        "Who bought the barn?",
        "Thomas bought the barn.",
        False,
        "t.txt",
    ),
    ("If Anne sells the mill, Thomas leaves.", "?", "Anne sells the mill.", False, "t.txt"),
    ("Anne denied that Thomas sold the mill.", "?", "Thomas sold the mill.", False, "t.txt"),
    (
        "The tenant pays the rent and the landlord pays the tax.",
        "Who pays the tax?",
        "The tenant pays the tax.",
        False,
        "t.txt",
    ),
    (
        "The tenant pays the rent and the landlord pays the tax.",
        "Who pays the tax?",
        "The landlord pays the tax.",
        True,
        "t.txt",
    ),
    ("The tenant pays the rent and the landlord pays the tax.", "Who pays the tax?", "The tenant.", False, "t.txt"),
    ("The tenant pays the rent and the landlord pays the tax.", "Who pays the tax?", "The landlord.", True, "t.txt"),
    ("Anne met Thomas in Bath. Mary met Peter in Lyme.", "Where did Anne meet Thomas?", "In Lyme.", False, "t.txt"),
    ("Anne met Thomas in Bath. Mary met Peter in Lyme.", "Where did Anne meet Thomas?", "In Bath.", True, "t.txt"),
    ("Anne met Thomas in Bath and Mary met Peter in Lyme.", "Where did Anne meet Thomas?", "In Lyme.", False, "t.txt"),
    ("Anne met Thomas in Bath and Mary met Peter in Lyme.", "Where did Mary meet Peter?", "In Bath.", False, "t.txt"),
    ("Mary, the sister of Anne, lives in Lyme.", "Where does Anne live?", "Anne lives in Lyme.", False, "t.txt"),
    ("Mary, the sister of Anne, lives in Lyme.", "Where does Anne live?", "In Lyme.", False, "t.txt"),
    ("Ο Νίκος πλήρωσε 500 ευρώ στην Άννα.", "?", "Ο Νίκος πλήρωσε 500 ευρώ στην Άννα.", True, "t.txt"),
    ("Ο Νίκος πλήρωσε 500 ευρώ στην Άννα.", "?", "Η Άννα πλήρωσε 500 ευρώ στον Νίκο.", False, "t.txt"),
    ("Анна не продала мельницу.", "?", "Анна продала мельницу.", False, "t.txt"),
    (
        "Анна продала мельницу Томасу за 1 250 рублей.",
        "?",
        "Анна продала мельницу Томасу за 1250 рублей.",
        True,
        "t.txt",
    ),
    ("トーマスは東京に住んでいる。", "トーマスはどこに住んでいる?", "東京", True, "t.txt"),
    ("安娜30岁，托马斯45岁。", "托马斯几岁?", "30岁", False, "t.txt"),
    ("安娜30岁，托马斯45岁。", "托马斯几岁?", "45岁", True, "t.txt"),
    ("安娜30岁，托马斯45岁。", "?", "托马斯30岁。", False, "t.txt"),
    ("안나는 30살이고 토마스는 45살이다.", "?", "토마스는 30살이고", False, "t.txt"),
    ("दाम ४८२१३ रुपये है।", "?", "दाम 48213 रुपये है।", True, "t.txt"),
    ("The code is 48213[7] now.", "What is the code?", "The code is 482137.", False, "t.txt"),
    ("10^6 cells were seen.", "?", "106 cells were seen.", False, "t.txt"),
    ("10⁶ cells were seen.", "?", "10 cells were seen.", False, "t.txt"),
    ("The dogs' owner was O’Brien's son.", "Who owned the dogs?", "O'Brien", False, "t.txt"),
    ("The meeting is on 2020-01-05.", "When is the meeting?", "2020-01-05", True, "t.txt"),
    ("The meeting is on 2020-01-05.", "When is the meeting?", "2020-01", False, "t.txt"),
    ("The meeting is on 5/1/2020.", "?", "The meeting is on 5/2020.", False, "t.txt"),
    ("Anne is taller than Mary.", "Who is taller?", "Mary is taller than Anne.", False, "t.txt"),
    ("Only 5 of 10 came.", "How many came?", "10 came.", False, "t.txt"),
    ("Only 5 of 10 came.", "How many came?", "5 of 10 came.", True, "t.txt"),
    ("Is the rent 900 euros? The rent is 800 euros.", "What is the rent?", "900 euros.", False, "t.txt"),
    ("The rent is less than 5 euros.", "?", "The rent is 5 euros.", False, "t.txt"),
    ("The rent is 900 euros.", "Is the rent 900 euros?", "No.", False, "t.txt"),
    ("“Thomas sold it,” said Anne.", "Who said so?", "Thomas.", False, "t.txt"),
    ("Anne gave Thomas the mill.", "?", "Thomas gave Anne the mill.", False, "t.txt"),
    ("Anne was paid by Thomas.", "Who paid?", "Anne paid Thomas.", False, "t.txt"),
    ("The ﬁrst oﬃce was in ﬂames.", "?", "The first office was in flames.", True, "t.txt"),
]


def verified(folder: Path, text: str, question: str, answer: str, name: str = "t.txt") -> Verification:
    build_index(written(folder / name, text), folder / "index")
    with open_index(folder / "index") as index:
        return verify(index, question, answer)


@pytest.mark.parametrize(("text", "question", "answer", "right", "name"), CASES)
def test_an_answer_is_verified_by_what_the_text_says(
    tmp_path: Path, text: str, question: str, answer: str, right: bool, name: str
) -> None:
    found = verified(tmp_path, text, question, answer, name)
    assert (found.verdict == "verified") is right
    assert bool(found.quotes) is right


QUIST = "On 5 Jan. 1820 Mr. J. R. Quist paid 500 marks for the mill at St. Ives."


def test_a_sentence_with_abbreviations_is_one_quote(tmp_path: Path) -> None:
    text = f"It rained at 5 p.m. in Bath. {QUIST} He left."
    assert [quote.text for quote in verified(tmp_path, text, "Who paid 500 marks?", QUIST).quotes] == [QUIST]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("He lived in the U.S. He liked it.", ["He lived in the U.S.", "He liked it."]),
        ('"Who came?" asked Anne. "Nobody."', ['"Who came?" asked Anne.', '"Nobody."']),
        ("No. He did not. See No. 12, p. 4.", ["No.", "He did not.", "See No. 12, p. 4."]),
        ("Das war am 3. Mai z. B. so. Es war gut.", ["Das war am 3. Mai z. B. so.", "Es war gut."]),
        ("The amber-lan-\ntern was lit.", ["The amber-lan-\ntern was lit."]),
    ],
)
def test_a_full_stop_of_an_abbreviation_ends_no_sentence(text: str, cut: list[str]) -> None:
    assert [text[first:last] for first, last in sentences(text)] == cut


@pytest.mark.parametrize("name", ["t.md", "t.csv", "t.tsv"])
def test_a_row_far_from_its_heading_is_verified_with_it(tmp_path: Path, name: str) -> None:
    between = {"t.md": "|", "t.csv": ",", "t.tsv": "\t"}[name]
    rows = [("item", "price"), *((f"stone{number}", str(10000 + number)) for number in range(300))]
    text = "".join(f"{' | '.join(row)}\n" if between == "|" else f"{between.join(row)}\n" for row in rows)
    document = written(tmp_path / name, text)
    build_index(document, tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        found = verify(index, "What is the price of stone250?", "The price of stone250 is 10250.")
        assert found.verdict == "verified"
        heading, row = (source.quote for source in locate(found.quotes, index, document))
        assert (heading, row) == tuple(text.splitlines()[line] for line in (0, 251))
        assert (
            verify(index, "What is the price of stone250?", "The price of stone250 is 10251.").verdict == "unverified"
        )


@pytest.mark.parametrize("answer", ["", "  ", "I do not know.", "The text does not contain the answer.", "What mill?"])
def test_who_says_nothing_gives_no_answer(tmp_path: Path, answer: str) -> None:
    assert verified(tmp_path, QUIST, "Who paid?", answer) == Verification("no answer")


def test_a_question_of_which_no_word_is_in_the_text_has_no_answer(tmp_path: Path) -> None:
    assert verified(tmp_path, QUIST, "When did elephants dance?", "In 1850.").verdict == "no answer"
    assert verified(tmp_path, QUIST, "When did Quist dance?", "In 1850.").verdict == "unverified"


def test_each_sentence_of_an_answer_counts_and_a_question_in_it_does_not(tmp_path: Path) -> None:
    found = verified(tmp_path, f"{FILLER}{QUIST}", "Who paid?", f"Who was it? {QUIST} He was rich.")
    assert (found.verdict, found.unsupported) == ("unverified", ("He was rich.",))
    assert [quote.text for quote in found.quotes] == [QUIST]
    assert verified(tmp_path, f"{FILLER}{QUIST}", "Who paid?", f"Who was it? {QUIST}").verdict == "verified"


def test_the_closest_sentences_are_those_with_the_questions_words(tmp_path: Path) -> None:
    build_index(written(tmp_path / "t.txt", f"{FILLER}{QUIST}\n{FILLER}"), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        assert [excerpt.text for excerpt in closest(index, "What did Quist pay for the mill?", 1)] == [QUIST]
        assert not closest(index, "When did elephants dance?", 3)


def test_one_spelling_is_compared_and_searched() -> None:
    assert (
        fold("con\ufb01rmed \uff14\uff18 a\u00adb \u201cx\u201d 5\u201310 1990-\n1995")
        == 'confirmed 48 ab "x" 5-10 1990-1995'
    )
    assert fold("10\u00b2 5\u00bd") == "10^2 5 1/2"
    assert searchable("Amber-lan-\ntern") == "amber-lantern\namberlantern"
    assert fold("\u0664\u0668 \u096a\u096e") == "48 48"


def test_a_word_that_is_written_in_two_ways_is_found(tmp_path: Path) -> None:
    build_index(
        written(tmp_path / "t.txt", f"{FILLER}The amber-\nlantern was con\ufb01rmed.\n{FILLER}"), tmp_path / "index"
    )
    with open_index(tmp_path / "index") as index:
        for word in ("amber-lantern", "amberlantern", "confirmed"):
            assert len(index.search([word], 3)) == 1


@pytest.mark.parametrize(
    ("text", "question", "answer", "right"),
    [
        ("Her eyes had met his.", "?", "Her eyes had met his.", True),  # eyes are no yes
        ("Anne was paid.", "Was Anne paid?", "Yes.", True),
        ("Anne paid.", "Was Anne paid?", "Yes.", False),
        ("Anne was not paid.", "Was Anne paid?", "Yes.", False),
        ("Anne was not paid.", "Was Anne paid?", "No, Anne was not paid.", True),
    ],
)
def test_yes_says_what_was_asked(tmp_path: Path, text: str, question: str, answer: str, right: bool) -> None:
    assert (verified(tmp_path, text, question, answer).verdict == "verified") is right

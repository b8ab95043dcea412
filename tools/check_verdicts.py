"""Count wrong verdicts on answers: changed ones that are verified, and right ones that are not.

    python tools/check_verdicts.py [--results bench/results/FILE.jsonl] [--show]

200 sentences of a novel, of a ledger, its tables and a log of voyages are changed (a number, a name, the order or a
negation), or answered with a number or a name of another thing in the same sentence; 200 are given as they are,
shortened, or with a pronoun, a number's format or a word's ending changed.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from gemma10m.bench.rows import append_rows
from gemma10m.documents import open_source
from gemma10m.passages.building import build_index
from gemma10m.passages.cutting import sentences
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.passages.verdicts import verify
from gemma10m.terminal import Terminal

NOVEL = Path(__file__).parent.parent / "examples" / "persuasion.txt"
NAMES = "Quist Harrow Bellamy Corbin Dunmore Everett Falk Garrick Hollis Ingram".split()
PLACES = "Calder Denholm Elmstead Farley Grimsby Halford Ilkley Jarrow Kelby Lowick".split()
THINGS = "mill barn orchard forge chapel wharf bakery tannery quarry dairy".split()
SHIPS = "Aurora Borealis Corvina Dorothea Esperance Fortuna Galatea Hesper Iduna Juno".split()
ITEMS = "amber cedar copper linen pepper saffron tallow walnut wool zinc".split()
EACH = 200


class Asked(NamedTuple):
    kind: str
    question: str
    answer: str


class Sale(NamedTuple):
    buyer: str
    seller: str
    thing: str
    place: str
    year: int
    price: int

    def said(self, price: str = "") -> str:
        price = price or f"{self.price:,}".replace(",", " ")
        return f"In {self.year} Mr. {self.buyer} paid {self.seller} {price} marks for the {self.thing} at {self.place}."


class Voyage(NamedTuple):
    ship: str
    port: str
    day: int
    year: int
    men: int
    horses: int

    @property
    def said(self) -> str:
        return f"The ship {self.ship} left {self.port} on {self.date} with {self.men} men and {self.horses} horses."

    @property
    def date(self) -> str:
        return f"{self.day} May {self.year}"


def voyages(draw: random.Random) -> list[Voyage]:
    numbers = draw.sample(range(32, 1000), 2 * len(SHIPS))
    return [
        Voyage(ship, port, 3 + at, 1850 + at, *numbers[2 * at : 2 * at + 2])
        for at, (ship, port) in enumerate(zip(SHIPS, draw.sample(PLACES, len(SHIPS)), strict=True))
    ]


def right_voyages(found: list[Voyage]) -> Iterator[Asked]:
    for voyage in found:
        left = f"did the {voyage.ship} leave {voyage.port}?"
        yield Asked("short", f"Which ship left {voyage.port}?", f"The {voyage.ship}.")
        yield Asked("short", f"Where did the {voyage.ship} leave from?", f"{voyage.port}.")
        yield Asked("short", f"When {left}", f"On {voyage.date}.")
        yield Asked("short", f"With how many men {left}", f"{voyage.men} men.")
        yield Asked("short", f"With how many horses {left}", f"{voyage.horses} horses")


def changed_voyages(found: list[Voyage]) -> Iterator[Asked]:
    for voyage, other in zip(found, [*found[1:], found[0]], strict=True):
        left = f"did the {voyage.ship} leave {voyage.port}?"
        yield Asked("another voyage", f"Which ship left {voyage.port}?", f"The {other.ship}.")
        yield Asked("another voyage", f"Where did the {voyage.ship} leave from?", f"{other.port}.")
        yield Asked("another voyage", f"When {left}", f"On {other.date}.")
        yield Asked("another thing", f"With how many men {left}", f"{voyage.horses} men.")
        yield Asked("another thing", f"With how many men {left}", str(voyage.horses))
        yield Asked("another thing", f"With how many horses {left}", str(voyage.men))
        yield Asked("another thing", f"With how many horses {left}", f"{voyage.day} horses.")
        yield Asked("another thing", f"How old was the {voyage.ship}?", f"{voyage.men}")


def sales(draw: random.Random) -> list[Sale]:
    things = [(thing, place) for thing in THINGS for place in PLACES]
    draw.shuffle(things)
    return [
        Sale(*draw.sample(NAMES, 2), thing, place, 1801 + number, draw.randrange(1100, 9000))
        for number, (thing, place) in enumerate(things[:40])
    ]


def ledger(found: list[Sale]) -> str:
    return "\n\n".join(f"{sale.said()} Nobody was told of it." for sale in found) + "\n"


def table(found: list[tuple[str, int, int]]) -> str:
    rows = "".join(f"| {item} | {price} | {weight} |\n" for item, price, weight in found)
    return f"| item | price | weight (kg) |\n|---|---|---|\n{rows}"


def changed_sales(found: list[Sale], draw: random.Random) -> Iterator[Asked]:
    for sale in found:
        question = f"How much was paid for the {sale.thing} at {sale.place}?"
        other = draw.choice([name for name in NAMES if name not in sale])
        yield Asked("number", question, sale.said(str(sale.price + 1)))
        yield Asked("number", question, f"{sale.price % 1000} marks.")
        yield Asked("name", question, sale._replace(seller=other).said())
        yield Asked("order", question, sale._replace(buyer=sale.seller, seller=sale.buyer).said())
        yield Asked("negation", question, sale.said().replace(" paid ", " never paid "))
        yield Asked("number", question, sale.said().replace(" marks ", " pounds "))


def right_sales(found: list[Sale]) -> Iterator[Asked]:
    for sale in found:
        question = f"How much was paid for the {sale.thing} at {sale.place}?"
        yield Asked("as it is", question, sale.said())
        yield Asked("number's format", question, sale.said(f"{sale.price:,}"))
        yield Asked("short", question, f"{sale.price} marks.")
        yield Asked("short", f"Who paid {sale.seller} for the {sale.thing} at {sale.place}?", f"Mr. {sale.buyer}.")
        yield Asked("pronoun", f"What did {sale.buyer} pay for?", f"He paid for the {sale.thing} at {sale.place}.")


def changed_rows(found: list[tuple[str, int, int]]) -> Iterator[Asked]:
    for (item, price, weight), (_, other, _) in zip(found, [*found[1:], found[0]], strict=True):
        question = f"What is the price of {item}?"
        yield Asked("another row", question, f"The price of {item} is {other}.")
        yield Asked("another column", question, str(weight))
        yield Asked("another column", question, f"The weight of {item} is {price}.")
        yield Asked("unit", f"What is the weight of {item}?", f"The weight of {item} is {weight} km.")


def right_rows(found: list[tuple[str, int, int]]) -> Iterator[Asked]:
    for item, price, weight in found:
        yield Asked("row", f"What is the price of {item}?", f"The price of {item} is {price:,}.")
        yield Asked("row", f"What is the price of {item}?", f"{price}")
        yield Asked("row", f"What is the weight of {item}?", f"{weight} kg")


def of_the_novel(draw: random.Random) -> list[str]:
    text = NOVEL.read_text(encoding="utf-8")
    cut = [" ".join(text[first:last].split()) for first, last in sentences(text)]
    plain = [each for each in cut if 50 <= len(each) <= 240 and each.endswith(".") and each[0].isalpha()]
    return draw.sample([each for each in plain if len(named(each)) >= 2], 80)


def named(sentence: str) -> list[str]:
    """Return the names in a sentence, each once, without the first word."""
    words = re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", sentence)
    return list(dict.fromkeys(words))


def changed_prose(drawn: list[str], draw: random.Random) -> Iterator[Asked]:
    for sentence in drawn:
        first, second = named(sentence)[:2]
        question = f"What was told of {first}?"
        swapped = re.sub(rf"\b{second}\b", first, re.sub(rf"\b{first}\b", "\0", sentence))
        swapped = swapped.replace("\0", second)
        other = draw.choice([name for each in drawn for name in named(each) if name not in sentence])
        yield Asked("order", question, swapped)
        yield Asked("name", question, re.sub(rf"\b{second}\b", other, sentence))
        if denied := _denied(sentence):
            yield Asked("negation", question, denied)


def _denied(sentence: str) -> str:
    if re.search(r"\bnot\b", sentence):
        return re.sub(r"\bnot ", "", sentence, count=1)
    found = re.search(r"\b(?:was|were|had|is|could|would|should)\b", sentence)
    return f"{sentence[: found.end()]} not{sentence[found.end() :]}" if found else ""


def right_prose(drawn: list[str]) -> Iterator[Asked]:
    for sentence in drawn:
        question = f"What was told of {named(sentence)[0]}?"
        yield Asked("as it is", question, sentence)
        if (ended := re.sub(r"\b(\w{4,}[^s\W])ed\b", r"\1ing", sentence, count=1)) != sentence:
            yield Asked("ending", question, ended)


def drawn_cases(draw: random.Random) -> tuple[str, list[Asked], list[Asked]]:
    """Return the text of the ledger and the log, 200 changed answers and 200 right ones."""
    found, prose = sales(draw), of_the_novel(draw)
    rows = [(item, draw.randrange(10000, 90000), draw.randrange(2, 90)) for item in ITEMS]
    sailed = voyages(draw)
    changed = [
        *changed_sales(found, draw),
        *changed_rows(rows),
        *changed_prose(prose, draw),
        *changed_voyages(sailed),
    ]
    right = [*right_sales(found), *right_rows(rows), *right_prose(prose), *right_voyages(sailed)]
    log = "\n\n".join(voyage.said for voyage in sailed)
    return f"{ledger(found)}\n{table(rows)}\n{log}\n", draw.sample(changed, EACH), draw.sample(right, EACH)


def wrong(index: PassageIndex, asked: list[Asked], verdict: str) -> list[Asked]:
    """Return the answers that have another verdict."""
    found = [verify(index, each.question, each.answer).verdict == "verified" for each in asked]
    return [each for each, verified in zip(asked, found, strict=True) if verified != (verdict == "verified")]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--results", type=Path)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--show", action="store_true")
    wanted = options.parse_args()
    text, changed, right = drawn_cases(random.Random(wanted.seed))
    with TemporaryDirectory() as folder:
        (Path(folder) / "ledger.md").write_text(text, encoding="utf-8")
        (Path(folder) / "novel.txt").write_bytes(NOVEL.read_bytes())
        path = Path(folder) / "ledger.passages"
        build_index(open_source(Path(folder)), path)
        with open_index(path) as index:
            certified, missed = wrong(index, changed, "unverified"), wrong(index, right, "verified")
    row = {"seed": wanted.seed, "n": EACH, "certified_wrongly": len(certified), "right_not_verified": len(missed)}
    Terminal().line(str(row))
    for each in (*certified, *missed) if wanted.show else ():
        Terminal().line(f"{each.kind}: {each.question} -> {each.answer}")
    if wanted.results:
        append_rows(wanted.results, "verdicts", f"python tools/check_verdicts.py --seed {wanted.seed}", [row])


if __name__ == "__main__":
    main()

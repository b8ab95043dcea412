"""Planted sentences are made of these names and values; training never draws the unseen ones."""

from __future__ import annotations

import random
import uuid
from typing import Literal

ValueKind = Literal["number", "word", "uuid"]

ADJECTIVES = (
    "amber ancient bitter bold brave brief bright calm careful clever cold cosmic crimson curious daring dark deep "
    "distant dusty eager early elegant empty faint fancy fierce frozen gentle giant golden grand green happy heavy "
    "hidden hollow honest humble icy idle jolly keen kind lazy light lively lonely loud lucky mellow merry mighty "
    "misty modest narrow noble old pale patient plain polite proud quick quiet rapid rare restless rough royal rusty "
    "scarlet sharp shy silent silver simple sleepy slow small smooth solemn steady stern still stormy strange swift "
    "tender thin tidy tiny vast velvet violet warm weary wild wise young"
).split()
NOUNS = (
    "acorn anchor anvil apple arrow badger basket beacon bell bishop bottle branch bridge bucket candle canyon castle "
    "cedar chapel cherry cloud comet copper coral cottage cradle crown dagger desert dolphin dragon drum eagle ember "
    "engine falcon feather fiddle forest fountain garden gate glacier granite hammer harbor harvest hawk helmet heron "
    "hill island ivory jacket jewel kettle kitten ladder lake lantern lemon library lion locket maple marble meadow "
    "mirror monkey moon mountain needle oak ocean orchard otter owl palace parrot pebble pepper piano pilot planet "
    "pocket pony prism puzzle quarry quilt rabbit raven ribbon river rocket saddle sailor scholar shadow shepherd "
    "shovel spider sparrow station stone summit table temple thunder tiger tower trumpet tunnel turtle valley village "
    "violin wagon walnut whale willow window winter wolf"
).split()
STARTS = "b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p pl pr qu r s sc sh sl sp st t th tr v w z".split()
VOWELS = "a a e e i i o o u ai ea ee ie oo ou y".split()
ENDS = ["", "", "", "", *"ck d l m n nd ng nt p r rd s st t".split()]


UNSEEN_ADJECTIVES = (
    "barren cheerful crooked drowsy fragrant gloomy hasty luminous modern perfect rotten sturdy upright".split()
)
UNSEEN_NOUNS = (
    "almanac barrel camel furnace lantana mitten penguin pulpit sandal spindle thistle wardrobe zebra".split()
)
UNSEEN_NAMES = len(UNSEEN_ADJECTIVES) * len(UNSEEN_NOUNS)


def make_name(draw: random.Random, unseen: bool = False) -> str:
    """Make a name, mostly an adjective and a noun, sometimes of unknown words: names are copied and not listed."""
    if unseen:
        return f"{draw.choice(UNSEEN_ADJECTIVES)}-{draw.choice(UNSEEN_NOUNS)}"
    if draw.random() < 0.7:
        return f"{draw.choice(ADJECTIVES)}-{draw.choice(NOUNS)}"
    return f"{_made_up(draw)}-{_made_up(draw)}"


def _made_up(draw: random.Random) -> str:
    parts = (draw.choice(STARTS) + draw.choice(VOWELS) + draw.choice(ENDS) for _ in range(draw.randint(1, 2)))
    return "".join(parts)


def make_names(draw: random.Random, count: int, unseen: bool = False) -> list[str]:
    """Make different names; there are UNSEEN_NAMES of the unseen ones."""
    names: dict[str, None] = {}
    while len(names) < count:
        names[make_name(draw, unseen)] = None
    return list(names)


def make_value(draw: random.Random, kind: ValueKind = "number") -> str:
    if kind == "word":
        return draw.choice(draw.choice((ADJECTIVES, NOUNS)))
    if kind == "uuid":
        return str(uuid.UUID(int=draw.getrandbits(128), version=4))
    return str(draw.randint(10000, 99999))


def make_hard_number(draw: random.Random) -> str:
    """Make a number, half of them of few digits: `48848` can only be copied by knowing the place in the number."""
    digits = "0123456789" if draw.random() < 0.5 else draw.sample("0123456789", 3)
    first = draw.choice([digit for digit in digits if digit != "0"])
    return first + "".join(draw.choice(digits) for _ in range(4))

"""Published models are read as transformers reads them; how they answer, and what loading takes."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache as remembered
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
import torch.nn.functional as F
from models import difference, read_cut
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

import gemma10m
from gemma10m.bench.alone import read_alone
from gemma10m.config import ReadingConfig
from gemma10m.evaluation.cell import Cell
from gemma10m.evaluation.needles import answer, read_side_by_side
from gemma10m.evaluation.task import Task
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.writer import Writer
from gemma10m.tokens import Tokenizer, load_tokenizer

pytestmark = pytest.mark.real_weights

ROOT = Path(__file__).parent.parent
TOKENS, COMPARED = 768, 256  # the last ones; the program in tools/ compares 2,048
FEW_SHOT = "Q: What is the capital of Italy?\nA: Rome\nQ: What is the capital of France?\nA:"
PARSED = remembered(gguf.GGUFReader)
Loaded = Callable[[str], tuple[Decoder, Tokenizer]]


@pytest.fixture
def _parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have transformers parse a file once; it would three times, ten seconds each for Gemma's vocabulary."""
    monkeypatch.setattr(gguf, "GGUFReader", PARSED)


@pytest.fixture(scope="session", params=["small", "chat"])
def name(request: pytest.FixtureRequest) -> str:
    """Return a model's name; as a fixture of the session it keeps the tests of a model together."""
    found: str = request.param
    return found


@pytest.fixture(scope="session")
def loaded(published: Callable[[str], Path]) -> Loaded:
    """Return the model of that name in float32, and its tokenizer."""
    return remembered(
        lambda name: (gemma10m.load_model(published(name), memory="full"), load_tokenizer(published(name)))
    )


def prose(tokenizer: Tokenizer, tokens: int) -> Tensor:
    """Return bos and what follows (1, S)."""
    text = (ROOT / "examples" / "persuasion.txt").read_text(encoding="utf-8")[20_000:34_000]
    return torch.tensor([[tokenizer.first, *tokenizer.encode(text)][:tokens]])


def loss(logits: Tensor, ids: Tensor) -> float:
    """Return nats a token over the last ids. In float32 the softmax over 262,144 tokens would be off by 2e-5."""
    return float(F.cross_entropy(logits[0, :-1].double(), ids[0, 1 - logits.shape[1] :]))


@pytest.mark.usefixtures("_parsed_once")
@pytest.mark.filterwarnings("default")  # what transformers and gguf say of each other is not ours
def test_logits_and_loss_are_those_of_transformers(published: Callable[[str], Path], loaded: Loaded, name: str) -> None:
    """The last tokens are compared: Gemma's local layers no longer see the first ones then."""
    path, (model, tokenizer) = published(name), loaded(name)
    ids = prose(tokenizer, TOKENS)
    theirs: Any = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    with torch.no_grad():
        expected = theirs(input_ids=ids, use_cache=False, logits_to_keep=COMPARED).logits  # (1, S, V)
    _, state = read_cut(model, ids[:, :-COMPARED], logits="none")
    found, _ = read_cut(model, ids[:, -COMPARED:], state=state)
    assert float(expected.abs().max()) > 10
    assert 0 < difference(found, expected) < 1e-3
    assert 2 < loss(expected, ids) < 4
    assert loss(found, ids) == pytest.approx(loss(expected, ids), abs=1e-5)


def mixed_texts() -> list[str]:
    """Return a few kilobytes each of prose, code, East Asian text, emoji and white space."""
    draw = random.Random(7)
    book = (ROOT / "examples" / "persuasion.txt").read_text(encoding="utf-8")
    ideographs = "".join(chr(draw.randint(0x4E00, 0x9FA5)) for _ in range(1000))
    kana = "".join(chr(draw.randint(0x3041, 0x3096)) for _ in range(500))
    faces = [chr(draw.randint(0x1F300, 0x1F64F)) for _ in range(300)] + [
        "\U0001f469\u200d\U0001f4bb",
        "❤\ufe0f",
        "e\u0301",
    ]
    spaces = [" ", "\n", "\t", "\r\n", "\u3000", "\xa0", "a", "12", "'ll", ".", "—", "Ünï", "<b>"]
    return [
        book[30_000:34_000],
        Path(__file__).read_text(encoding="utf-8"),
        "的一是不了人我在有他。、「" + ideographs + "\n" + kana + " GPT 2024 ",
        "".join(face + draw.choice((" ", "", "\n", " yes ", "!!")) for face in faces),
        "".join(draw.choice(spaces) * draw.randint(1, 5) for _ in range(1000)),
    ]


@pytest.mark.usefixtures("_parsed_once")
@pytest.mark.filterwarnings("default")
def test_ids_are_those_of_transformers_tokenizer(published: Callable[[str], Path], loaded: Loaded, name: str) -> None:
    path, (_, ours) = published(name), loaded(name)
    theirs: Any = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    if name == "chat":  # transformers 5.23 forgets that the rule `smollm` sets digits apart
        backend = theirs.backend_tokenizer
        rules = [pre_tokenizers.Digits(individual_digits=True), backend.pre_tokenizer]
        backend.pre_tokenizer = pre_tokenizers.Sequence(rules)
    for text in mixed_texts():
        ids = ours.encode(text)
        assert ids == theirs.encode(text, add_special_tokens=False)
        assert ours.decode(ids) == text


def test_gemma_goes_on_with_paris(loaded: Loaded) -> None:
    model, tokenizer = loaded("small")
    ids = torch.tensor([[tokenizer.first, *tokenizer.encode(FEW_SHOT)]])
    logits, _ = read_cut(model, ids, logits="last")
    assert tokenizer.decode([int(logits[0, -1].argmax())]) == " Paris"


def test_ragged_cuts_choose_the_same_tokens(loaded: Loaded, name: str) -> None:
    """Either of two tokens that are all but equal may come first: float32 adds up in another order."""
    model, tokenizer = loaded(name)
    ids = prose(tokenizer, 150)
    whole, _ = read_cut(model, ids)
    cut, _ = read_cut(model, ids, (1, 8, 71, 72, 139))
    best = whole.topk(2).values
    clear = best[..., 0] - best[..., 1] > 1e-3
    assert clear.sum() > 140
    assert torch.equal(cut.argmax(-1)[clear], whole.argmax(-1)[clear])


def test_gemma_in_bfloat16_loses_less_than_a_hundredth(published: Callable[[str], Path], loaded: Loaded) -> None:
    model, tokenizer = loaded("small")
    ids = prose(tokenizer, 128)
    exact, _ = read_cut(model, ids)
    rounded, _ = read_cut(gemma10m.load_model(published("small"), dtype="bfloat16", memory="full"), ids)
    assert loss(rounded, ids) == pytest.approx(loss(exact, ids), abs=0.01)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_loading_takes_little_more_than_the_weights(
    published: Callable[[str], Path], loaded: Loaded, dtype: str
) -> None:
    """The embedding alone is 671 MB in float32: no tensor is unpacked whole beside its copy in the wanted type."""
    weights = sum(weight.numel() for weight in loaded("small")[0].parameters()) * getattr(torch, dtype).itemsize
    found = read_alone(published("small"), "cpu", dtype, ReadingConfig(memory="full"), [])
    assert weights < found.load_peak_bytes - found.bytes_before < weights + 120e6


def test_gemma_remembers_a_number_that_has_left_its_window(published: Callable[[str], Path]) -> None:
    """The same windows without the memory are the control."""
    path = published("small")
    tokenizer = load_tokenizer(path)
    writer = Writer(tokenizer, [Prose.of(tokenizer, (ROOT / "examples" / "persuasion.txt").read_text("utf-8"))])
    cell = Cell(Task("needle", 1, False, "single", "number"), 2048, 0.2, 3, seed=3)
    model = gemma10m.load_model(path, memory="added", adapter=None)
    scripts = cell.scripts(writer, model.reading.segment, range(cell.n))
    remembering, forgetting = (
        answer(each, scripts, lambda chunk: None, read_side_by_side) for each in (model, without_memory(model))
    )
    assert sum(remembering.right) >= 2
    assert not any(forgetting.right)

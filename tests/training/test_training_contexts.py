"""Examples of reading: passages as retrieval finds them, and what is asked about them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from lessons import JOINING, KNOWN, QUESTIONS, TEXT, TOWNS, UNKNOWN, draw, fact, index_of, lora_recipe

from gemma10m.adapters.lora import LoraConfig
from gemma10m.errors import ConfigError, UsageError
from gemma10m.passages.searching import holding
from gemma10m.passages.statements import REFUSAL
from gemma10m.tasks.question_set import AskedQuestion
from gemma10m.training.contexts import MOST_CHARACTERS, MOST_QUESTIONS, Context, Contexts, OtherText
from gemma10m.training.lora_recipe import LoraRecipe, lora_recipe_of


def answers(contexts: list[Context]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for context in contexts:
        for lesson in context.asked:
            found.setdefault(lesson.question, set()).add(lesson.answer)
    return found


def shown_towns(context: Context) -> set[str]:
    return {town for town in TOWNS if fact(town) in context.passages}


def test_the_tale_has_a_passage_for_each_town(tmp_path: Path) -> None:
    with index_of(tmp_path) as index:
        places = {holding(index, fact(town)) for town in TOWNS}
        assert holding(index, "Nobody ever lived there.") is None
    assert None not in places
    assert len(places) == len(TOWNS)


def test_the_source_s_passage_is_shown_and_answers(tmp_path: Path) -> None:
    contexts = draw(tmp_path, [*KNOWN, *UNKNOWN], contexts=40, missing=0.0, unanswerable=1.0)
    assert len(contexts) == 40
    for context in contexts:
        for one in context.asked:
            (town,) = (town for town in TOWNS if town in one.question)
            assert fact(town) in context.passages
            assert one.answer == (REFUSAL if "mayor" in one.question else TOWNS[town])
    assert set(answers(contexts)) == {one.question for one in (*KNOWN, *UNKNOWN)}


def test_a_question_whose_passage_is_missing_is_refused(tmp_path: Path) -> None:
    contexts = draw(tmp_path, KNOWN, contexts=30, missing=1.0, unanswerable=1.0)
    for context in contexts:
        assert context.passages
        for one in context.asked:
            (town,) = (town for town in TOWNS if town in one.question)
            assert fact(town) not in context.passages
            assert one.answer == REFUSAL


def test_missing_is_a_share_of_the_contexts(tmp_path: Path) -> None:
    contexts = draw(tmp_path, KNOWN, contexts=300, missing=0.3, unanswerable=1.0)
    refused = sum(any(one.answer == REFUSAL for one in context.asked) for context in contexts)
    assert 0.2 < refused / 300 < 0.4


def test_an_answer_that_another_passage_has_is_not_refused(tmp_path: Path) -> None:
    """The distractors say it, too, in other words than the source: neither an answer nor a refusal is right."""
    text = TEXT + f"\n\n# Visitors\n\nWhat Lyme is known for is a harbour, they said. {'They said so again. ' * 40}"
    asked = [KNOWN[0]]
    contexts = draw(tmp_path, asked, text, contexts=30, missing=0.5, unanswerable=1.0, passages=(0.0, 0.0, 0.0, 1.0))
    assert answers(contexts) == {asked[0].question: {"a harbour"}}


def test_a_question_that_joins_passages_is_shown_all_of_them(tmp_path: Path) -> None:
    contexts = draw(tmp_path, JOINING, contexts=20, missing=0.0)
    for context in contexts:
        (one,) = context.asked
        assert shown_towns(context) >= {town for town in TOWNS if town in one.question}
        assert one.answer in TOWNS
    both = draw(tmp_path, QUESTIONS, contexts=100, missing=0.0, joining=0.3)
    joined = sum(context.asked[0].question.startswith("Which of") for context in both)
    assert 15 < joined < 45
    alone = draw(tmp_path, QUESTIONS, contexts=50, joining=0.0)
    assert not any(one.question.startswith("Which of") for context in alone for one in context.asked)


def test_the_weights_say_how_many_passages_are_shown(tmp_path: Path) -> None:
    for wanted, weights in ((1, (1.0,)), (3, (0.0, 0.0, 2.0))):
        contexts = draw(tmp_path, KNOWN, contexts=10, missing=0.0, passages=weights)
        assert {len(shown_towns(context)) for context in contexts} == {wanted}


def test_passages_have_a_label_each_and_the_document_s_order(tmp_path: Path) -> None:
    for context in draw(tmp_path, KNOWN, contexts=20, missing=0.0, passages=(0.0, 0.0, 1.0)):
        labels = re.findall(r"^\[([\w.-]+):(\d+)\]$", context.passages, re.MULTILINE)
        assert len(labels) == 3
        places = [context.passages.index(fact(town)) for town in TOWNS if town in shown_towns(context)]
        assert places == sorted(places)


def test_many_questions_of_one_passage_are_asked_together_up_to_a_bound(tmp_path: Path) -> None:
    asked = [f"What is Lyme known for, in year {year}?" for year in range(30)]
    many = [AskedQuestion(question, ("a harbour",), (fact("Lyme"),)) for question in asked]
    contexts = draw(tmp_path, many, contexts=5, missing=0.0)
    assert {len(context.asked) for context in contexts} == {MOST_QUESTIONS}
    assert len({one for context in contexts for one in context.asked}) > MOST_QUESTIONS


def test_the_same_recipe_draws_the_same_contexts(tmp_path: Path) -> None:
    first, again, other = (draw(tmp_path, QUESTIONS, contexts=20, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert draw(tmp_path, QUESTIONS, contexts=7, seed=5) == first[:7]


def test_other_text_takes_its_share_of_the_examples(tmp_path: Path) -> None:
    other = "".join(f"Paragraph {number} of a novel. " for number in range(2000))
    with index_of(tmp_path) as index:
        drawn = list(Contexts(index, QUESTIONS, lora_recipe(contexts=200, prose=0.25), other).draw())
    stretches = [example.text for example in drawn if isinstance(example, OtherText)]
    assert len(drawn) == 200
    assert 30 <= len(stretches) <= 70
    assert len(set(stretches)) == len(stretches)
    assert all(text in other and len(text) == 40 * MOST_CHARACTERS for text in stretches)


@pytest.mark.parametrize(("share", "other"), [(0.1, ""), (0.1, " \n"), (0.0, "A novel.")])
def test_a_share_without_other_text_and_text_without_a_share_are_refused(
    share: float, other: str, tmp_path: Path
) -> None:
    with index_of(tmp_path) as index, pytest.raises(UsageError, match="the recipe's share of other text is"):
        Contexts(index, QUESTIONS, lora_recipe(prose=share), other)


@pytest.mark.parametrize(
    "questions",
    [
        [AskedQuestion("Who?", ("Anne",), ("Anne is a sister.",))],
        [AskedQuestion("Who?", ("Anne",), ())],
        [AskedQuestion("Who?", ("Anne",), ("?!",))],
        [AskedQuestion("Who?", ("Anne",), ("Anne is a sister.", "Anne is a friend."))],
    ],
    ids=["another text", "no source", "no word", "two sources"],
)
def test_questions_of_another_text_are_refused(questions: list[AskedQuestion], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no passage of the text holds a source"):
        draw(tmp_path, questions)


@pytest.mark.parametrize(
    ("questions", "changes"),
    [
        (UNKNOWN, {"unanswerable": 0.0}),
        (KNOWN, {"missing": 1.0, "unanswerable": 0.0}),
        (JOINING, {"missing": 1.0, "unanswerable": 0.0}),
    ],
    ids=["no refusals", "nothing shown", "nothing joined"],
)
def test_a_recipe_that_leaves_nothing_to_ask_is_refused(
    questions: list[AskedQuestion], changes: dict[str, Any], tmp_path: Path
) -> None:
    """Drawing would never end."""
    with pytest.raises(UsageError, match="no question can be asked about the passages that the recipe shows"):
        draw(tmp_path, questions, **changes)


def test_a_text_of_one_passage_has_nothing_to_show_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no question can be asked"):
        draw(tmp_path, [KNOWN[0]], fact("Lyme"), missing=1.0)
    contexts = draw(tmp_path, [KNOWN[0]], fact("Lyme"), missing=0.5)
    assert answers(contexts) == {KNOWN[0].question: {"a harbour"}}


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_all_problems_of_a_recipe_come_in_one_error() -> None:
    said = {"rank": 0, "contexts": 1.5, "warmup": -1, "learning_rate": 0, "missing": 2, "passages": [], "seed": True}
    with pytest.raises(ConfigError) as refused:
        lora_recipe_of(said)
    assert len(refused.value.problems) == len(said)
    assert {problem.split()[0] for problem in refused.value.problems} == said.keys()
    assert "recipes/reader.json" in refused.value.hint


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"rank": 1025}, "rank must be 1 to 1024"),
        ({"alpha": 0}, "alpha must be a positive number"),
        ({"alpha": 1e9}, "alpha must be at most 10,000 times the rank"),
        ({"contexts": 0}, "contexts must be a positive integer"),
        ({"contexts": 2**31}, "contexts must be a positive integer"),
        ({"contexts_per_step": "3"}, "contexts_per_step must be a positive integer"),
        ({"prose": None}, r"prose must lie in \[0, 1\]"),
        ({"prose_weight": -1}, "prose_weight must be a positive number"),
        ({"prose_positions": 0}, "prose_positions must be a positive integer"),
        ({"unanswerable": -0.1}, r"unanswerable must lie in \[0, 1\]"),
        ({"joining": True}, r"joining must lie in \[0, 1\]"),
        ({"passages": None}, "passages must be a list of weights"),
        ({"modules": "q_proj"}, "modules must be a list of names"),
        ({"modules": ["embed_tokens"]}, "modules must be some of"),
        ({"modules": [["q_proj"]]}, "modules must be some of"),
        ({"modules": []}, "modules must name one module at least"),
        ({"passages": [0, 0]}, "passages must be weights"),
        ({"passages": [1, -1]}, "passages must be weights"),
        ({"passages": [1e308, 1e308]}, "passages must be weights"),
        ({"passages": ["1"]}, "passages must be weights"),
        ({"passages": 3}, "passages must be a list of weights"),
        ({"stages": []}, "'stages' is no field of a recipe"),
        ([], "a recipe is an object"),
    ],
    ids=str,
)
def test_what_is_no_recipe_is_refused(said: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        lora_recipe_of(said)


def test_unknown_fields_are_all_named() -> None:
    with pytest.raises(ConfigError, match="'lr' is no field of a recipe; 'epochs' is no field of a recipe"):
        lora_recipe_of({"lr": 1, "epochs": 3, "rank": 4})


def test_a_recipe_is_what_was_said() -> None:
    recipe = lora_recipe_of({"rank": 8, "passages": [1, 2], "modules": ["q_proj"]})
    assert recipe == LoraRecipe(rank=8, passages=(1, 2), modules=("q_proj",))
    assert recipe.lora == LoraConfig(8, recipe.alpha, ("q_proj",))
    assert lora_recipe_of(json.loads(json.dumps(asdict(recipe)))) == recipe
    assert lora_recipe_of({}) == LoraRecipe()


@pytest.mark.parametrize(("name", "steps"), [("reader", 450), ("reader-large", 180)])
def test_the_recipes_in_the_repository_are_some(name: str, steps: int) -> None:
    path = Path(__file__).parents[2] / "recipes" / f"{name}.json"
    assert lora_recipe_of(json.loads(path.read_text())).steps == steps


def test_the_rate_rises_in_a_line_and_falls_to_a_tenth() -> None:
    recipe = LoraRecipe(contexts=41, contexts_per_step=2, warmup=4, learning_rate=1.0)
    rates = [recipe.rate(step) for step in range(recipe.steps)]
    assert recipe.steps == 21
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4] == 1.0
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert recipe.rate(recipe.steps) == pytest.approx(0.1)
    assert LoraRecipe(warmup=0).rate(0) == LoraRecipe().learning_rate

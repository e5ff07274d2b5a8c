"""Traits, alone and together: which SAE and which multiple of the direction are shown, what a
missing figure looks like, and every answer.
"""

from typing import Any

from app.pages.claims.traits import goals_of, traits_panel
from app.parts.still import still
from backend.schemas import Experiment, ExperimentAnswer, ExperimentEstimate


def row(subject: str, sae: str | None, arm: str, outcome: str, value: float) -> ExperimentEstimate:
    layer = None if sae is None else int(sae.removeprefix("layer_"))
    where = {"sae_id": sae, "layer": layer, "interval": None, "n": 106}
    return ExperimentEstimate(subject=subject, arm=arm, outcome=outcome, value=value, **where)


ESTIMATES = [
    row("UK", None, "unedited", "shown", 0.06),
    row("UK", "layer_9", "feature", "fit", 0.5),
    row("UK", "layer_9", "feature", "shown", 0.99),  # better on the test, and not what was chosen
    row("UK", "layer_12", "feature", "fit", 0.9),
    row("UK", "layer_12", "feature", "shown", 0.85),
    row("UK", "layer_12", "feature", "right", 0.31),
    row("UK", "layer_12", "direction", "value", 2.0),
    row("UK", "layer_12", "direction × 1", "shown", 0.11),
    row("UK", "layer_12", "direction × 2", "shown", 0.22),
    row("Russia", "layer_12", "direction", "fit", 0.5),  # no feature gave this one
    row("Russia", "layer_12", "direction", "value", 1.0),
    row("Russia", "layer_12", "direction × 1", "shown", 0.44),
    row("Chinese+UK", None, "feature", "shown", 0.77),
    row("Chinese+UK", None, "direction", "shown", 0.66),
]
QUESTIONS = [f"Name thing {i}." for i in range(8)]
ANSWERS = [
    *(("unedited", "UK", q, "a river", False) for q in QUESTIONS),
    *(("feature", "UK, layer_12", q, "the Thames", True) for q in QUESTIONS),
    *(("feature", "UK, layer_9", q, "never shown", True) for q in QUESTIONS),
    *(("direction × 1", "Russia, layer_12", q, "the Volga", True) for q in QUESTIONS),
    *(("feature", "Chinese+UK", q, "", False) for q in QUESTIONS[1:]),
]
JUDGED = Experiment(
    name="demonstrations",
    prompts="traits",
    arms={},
    outcomes={},
    estimates=ESTIMATES,
    findings=["One feature is enough."],
)


def answers() -> list[ExperimentAnswer]:
    keys = ("arm", "subject", "prompt", "text", "success")
    return [ExperimentAnswer(**dict(zip(keys, one, strict=True))) for one in ANSWERS]


def trees(tree: Any, name: str) -> list[Any]:
    """Every element of that name in a still tree [name, attributes, child…]."""
    if isinstance(tree, str):
        return []
    inner = [one for child in tree[2:] for one in trees(child, name)]
    return [tree, *inner] if tree[0].lower() == name else inner


def text(tree: Any) -> str:
    return tree if isinstance(tree, str) else "".join(text(child) for child in tree[2:])


def test_the_sae_is_chosen_on_the_questions_to_choose_on() -> None:
    """A goal that no feature gave stands there too, with the direction."""
    assert [(one.title, one.sae_id, one.edit) for one in goals_of(JUDGED)] == [
        ("UK", "layer_12", "feature"),
        ("Russia (difference of means)", "layer_12", "direction × 1"),
        ("Chinese+UK", None, "feature"),
    ]
    cells = [one.cell("direction", "shown") for one in goals_of(JUDGED)]
    assert [cell.value for cell in cells if cell] == [0.22, 0.44, 0.66]
    pair = goals_of(JUDGED)[-1]
    assert pair.cell("feature", "right") is None


def test_every_question_has_its_row_and_the_answers_are_those_of_the_shown_sae() -> None:
    made = traits_panel(JUDGED, answers(), {"curl": "x"})
    assert made is not None
    rates, first, rest = trees(still(made).tree, "table")
    assert [text(one) for one in trees(rates, "tr")[1:]] == [
        "UK6 %85 %––22 %–31 %",
        "Russia––––44 %––",
        "Chinese+UK–77 %––66 %––",
    ]
    rows = [[text(cell) for cell in one[2:]] for one in trees(first, "tr") + trees(rest, "tr")]
    assert rows[0] == rows[7]
    assert rows[0] == [
        "question",
        "asked plainly",
        "UK",
        "Russia (difference of means)",
        "Chinese+UK",
    ]
    assert rows[1] == ["Name thing 0.", "a river", "the Thames", "the Volga", "–"]
    assert [row for row in rows if row[0] == "Name thing 7."] == [
        ["Name thing 7.", "a river", "the Thames", "the Volga", "nothing"]
    ]
    assert len(rows) == len(QUESTIONS) + 2


def test_where_nothing_was_judged_there_is_no_panel() -> None:
    none = [one for one in ESTIMATES if one.outcome != "shown"]
    assert traits_panel(JUDGED.model_copy(update={"estimates": none}), answers(), {}) is None

"""The table of who carries the subject: tokens in reading order, layers side by side, the control
in each cell.
"""

from typing import Any

import pytest
from dash import html

from app.parts.carry import carry_panel
from app.parts.shared_rows import first_rows
from app.parts.still import still
from backend.schemas import Experiment, ExperimentEstimate, ExperimentPlace, ExperimentTask


def estimate(
    arm: str, subject: str, layer: int, value: float, outcome: str = "carried"
) -> ExperimentEstimate:
    return ExperimentEstimate(
        arm=arm,
        sae_id=f"layer_{layer}",
        layer=layer,
        subject=subject,
        outcome=outcome,
        value=value,
        interval=[value - 0.1, value + 0.1],
        n=42,
    )


def place(
    number: int, distance: int, text: str, token_class: str, last: bool = False
) -> ExperimentPlace:
    return ExperimentPlace(
        subject=f"capitals {number}.{distance}",
        task="capitals",
        question=f"The capital of {{s}}{number}",
        distance=distance,
        token_id=7,
        text=text,
        token_class=token_class,
        kind="punctuation",
        is_last=last,
    )


ONE = Experiment(
    name="carry",
    prompts="capitals",
    arms={"function - content": "The difference."},
    outcomes={},
    estimates=[
        estimate("own", "capitals 1.1", 12, 0.75),
        estimate("another's", "capitals 1.1", 12, 0.06),
        estimate("exchanged", "capitals 1.1", 12, 0.2),
        estimate("own", "capitals 1.1", 5, 0.25),
        estimate("own", "capitals 1.2", 12, 0.5),
        estimate("function - content", "capitals", 12, 0.4, "net"),
        estimate("function - content", "capitals", 5, -0.02, "net"),
        estimate("function - content", "capitals", 5, 0.9, "own"),
    ],
    findings=["It is carried."],
    tasks=[ExperimentTask(task="capitals", title="Capitals", noun="countries", sha256="c" * 64)],
    places=[place(1, 1, "?", "content"), place(1, 2, "\n", "function", last=True)],
)


def words(tree: Any) -> list[str]:
    return [tree] if isinstance(tree, str) else [one for child in tree[2:] for one in words(child)]


def test_layers_stand_in_order_and_the_control_beside_each_share() -> None:
    drawn = still(carry_panel(ONE, "claims", {"curl": "x"})).tree
    assert "75 % (95 %: 65 % to 85 %; n = 42); another's 6 %; names exchanged 20 %" in str(drawn)
    said = words(drawn)
    at = said.index("42 countries")
    assert said[at + 1 : at + 9] == [
        "",
        "after layer 5",
        "after layer 12",
        "function − content",
        "−2.0",
        "−12.0 to 8.0",
        "40.0",
        "30.0 to 50.0",
    ]
    at = said.index("“The capital of {s}1”")
    assert said[at + 1 : at + 12] == [
        "token",
        "after layer 5",
        "after layer 12",
        "?",
        " 1",
        "25 %",
        "",
        "75 %",
        "another's 6 %",
        "↵",
        " 2",
    ]
    assert said[at + 12 : at + 15] == ["–", "50 %", ""]
    assert "It is carried." in said


def test_a_saved_row_names_its_token_by_id() -> None:
    shown = str(carry_panel(ONE, "claims", {"curl": "x"}))
    assert '["token_id", "token", "class", "kind", "distance"]' in shown
    assert '[7, "?", "content", "punctuation", 1]' in shown


def test_one_question_of_one_set_is_open() -> None:
    other = ONE.places[0].model_copy(update={"subject": "rivers 1.1"})
    both = ONE.model_copy(update={"places": [*ONE.places, other]})
    shown = str(carry_panel(both, "claims", {"curl": "x"}))
    assert (shown.count("open=True"), shown.count("open=False")) == (1, 1)


@pytest.mark.parametrize(("n_rows", "said"), [(8, None), (9, "show all 9 rows")])
def test_a_long_table_opens_with_its_first_rows(n_rows: int, said: str | None) -> None:
    shown = str(first_rows(html.Div("rows"), n_rows))
    assert ("show all" in shown) == (said is not None)
    assert said is None or said in shown

"""A demonstration's measured rate stands beside it where that very edit was judged, and nowhere
else.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from dash.development.base_component import Component

from app.pages.steer.rates import rates_of, traits_of
from app.parts.still import Still
from backend.schemas import Demonstration, Experiment, ExperimentEstimate


def row(arm: str, outcome: str, value: float, **other: Any) -> ExperimentEstimate:
    plain = arm in ("unedited", "asked in words")
    where = {"sae_id": None, "layer": None} if plain else {"sae_id": "layer_12", "layer": 12}
    own = {"subject": "Chinese", "interval": None, "n": 1} | where | other
    return ExperimentEstimate(arm=arm, outcome=outcome, value=value, **own)


ESTIMATES = [
    row("unedited", "shown", 0.0, interval=[0.0, 0.03], n=120),
    row("unedited", "right", 0.8, interval=[0.7, 0.9], n=50),
    row("asked in words", "shown", 0.4, interval=[0.3, 0.5], n=110),
    row("feature", "shown", 0.95, interval=[0.9, 0.98], n=120),
    row("feature", "right", 0.5, interval=[0.4, 0.6], n=50),
    row("feature", "feature_index", 77.0),
    row("feature", "value", 812.5),
    row("feature, at a content word", "shown", 0.02, interval=[0.0, 0.06], n=120),
    row("random features", "shown", 0.01, interval=[0.0, 0.02], n=2400),
    row("direction × 1", "shown", 0.6, interval=[0.5, 0.7], n=120),
    row("feature", "shown", 0.11, interval=[0.1, 0.2], n=120, sae_id="layer_9", layer=9),
    row("feature", "shown", 0.22, interval=[0.1, 0.3], n=120, subject="UK"),
]
JUDGED = Experiment(
    name="demonstrations", prompts="Traits.", arms={}, outcomes={}, estimates=ESTIMATES, findings=[]
)


def demo(**changes: Any) -> Demonstration:
    own = {"sae_id": "layer_12", "feature_index": 77, "mode": "add", "value": 812.5}
    text = {"title": "Chinese", "prompt": "Where?\n", "positions": "last"}
    return Demonstration.model_validate({**own, **text, **changes})


@dataclass
class Read:
    """What a popover says: its button, and the table's rows."""

    button: str
    rows: list[list[str]]


def read(made: Component) -> Read:
    summary, body = made.children
    (still, _) = body.children
    assert isinstance(still, Still)
    rows: list[list[str]] = []

    def words(node: Any) -> list[str]:
        return (
            [str(node)] if not isinstance(node, list) else [w for n in node[2:] for w in words(n)]
        )

    def walk(node: Any) -> None:
        if isinstance(node, list) and node[0] == "tr":
            rows.append([" ".join(filter(None, words(cell))) for cell in node[2:]])
        elif isinstance(node, list):
            for child in node[2:]:
                walk(child)

    walk(still.tree)
    return Read(summary.children, rows)


def test_the_rate_stands_with_its_controls_its_intervals_and_its_n() -> None:
    made = rates_of(JUDGED, demo())
    assert made is not None
    found = read(made)
    assert found.button == "95 % of 120"
    assert found.rows == [
        ["Chinese", "with the trait", "n", "right answers", "n"],
        ["this feature", "95 % 90 % to 98 %", "120", "50 % 40 % to 60 %", "50"],
        ["the same at a content word", "2 % 0 % to 6 %", "120", "–", "–"],
        ["random features", "1 % 0 % to 2 %", "2,400", "–", "–"],
        ["asked in words", "40 % 30 % to 50 %", "110", "–", "–"],
        ["asked plainly", "0 % 0 % to 3 %", "120", "80 % 70 % to 90 %", "50"],
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"feature_index": 78},
        {"sae_id": "layer_9"},
        {"value": 813.0},
        {"mode": "clamp"},
        {"positions": "all"},
        {"positions": "last_function"},
    ],
)
def test_what_was_not_judged_has_no_rate(other: dict[str, Any]) -> None:
    assert traits_of(JUDGED, demo()) == ["Chinese"]
    assert traits_of(JUDGED, demo(**other)) == []
    assert rates_of(JUDGED, demo(**other)) is None


def test_a_feature_that_was_chosen_for_two_traits_has_a_table_for_each() -> None:
    both = [row("feature", "feature_index", 77.0, subject="UK")]
    both += [row("feature", "value", 812.5, subject="UK")]
    made = rates_of(JUDGED.model_copy(update={"estimates": ESTIMATES + both}), demo())
    assert made is not None
    assert [cells[0] for cells in read(made).rows if cells[2] == "n"] == ["Chinese", "UK"]

"""Maps of experiments by layer: the right cell at the right layer, with its interval and n."""

from __future__ import annotations

from typing import Any

from app.pages.claims.experiments import experiment_panels
from app.pages.claims.layer_maps import MAPPED
from backend.schemas import Experiment, ExperimentEstimate, ExperimentList, ExperimentPlace
from precompute.experiments.carry_kinds import comparison_arms
from precompute.experiments.patching import needed, travel, words


def row(subject: str, arm: str, outcome: str, layer: int | None, value: float) -> Any:
    return ExperimentEstimate(
        arm=arm,
        sae_id=None,
        layer=layer,
        subject=subject,
        outcome=outcome,
        value=value,
        interval=[value - 0.1, value + 0.1],
        n=46,
    )


PLACE = ExperimentPlace(
    subject="capitals 1.1",
    task="capitals",
    question="What is the capital of {s}?",
    distance=1,
    token_id=5,
    text="?",
    token_class="function",
    kind="punctuation",
    is_last=False,
)
ONE = Experiment(
    name="words",
    prompts="Capitals",
    arms={"at the name": "The name."},
    outcomes={"name": "prompts where [share]"},
    estimates=[
        row("capitals", "at the name", "name", 0, 0.9),
        row("capitals", "at the name", "name", 1, 0.25),
        row("capitals 1.1", "place", "name", 1, 0.5),
        row("capitals", "at the name", "name_largest", 0, 0.9),
    ],
    findings=["It is read."],
    places=[PLACE],
)


def cells(component: Any) -> list[Any]:
    """Every cell of every table, in order."""
    children = getattr(component, "children", None)
    listed = children if isinstance(children, list | tuple) else [children]
    own = [component] if type(component).__name__ == "Td" else []
    return own + [cell for child in listed if child is not None for cell in cells(child)]


def test_a_cell_is_its_layers_and_says_its_interval_and_n() -> None:
    [panel] = experiment_panels(ExperimentList(experiments=[ONE]), {"curl": "x"})
    made = cells(panel)
    assert [cell.title for cell in made] == [
        "90 % (95 %: 80 % to 100 %; n = 46)",
        "25 % (95 %: 15 % to 35 %; n = 46)",
        "not measured",
        "50 % (95 %: 40 % to 60 %; n = 46)",
    ]
    heats = [getattr(cell, "style", {}).get("--fs-heat") for cell in (made[0], made[1], made[3])]
    assert heats == ["0.900", "0.250", "0.500"]


def test_below_zero_has_a_colour_of_its_own() -> None:
    moved = ONE.model_copy(
        update={
            "name": "travel",
            "places": [],
            "estimates": [row("capitals", "set last", "restored", 3, -0.2)],
        }
    )
    [panel] = experiment_panels(ExperimentList(experiments=[moved]), {"curl": "x"})
    [cell] = cells(panel)
    assert "fs-heat--below" in cell.className


def test_what_is_drawn_is_what_the_jobs_make() -> None:
    made = {
        "travel": (travel.ARMS | comparison_arms(), travel.OUTCOMES),
        "needed": (needed.ARMS, needed.ALL_OUTCOMES),
        "words": (words.ARMS | comparison_arms(), words.OUTCOMES),
    }
    for name, mapped in MAPPED.items():
        arms, outcomes = made[name]
        assert {outcome for outcome, _ in mapped.outcomes} <= set(outcomes)
        assert {*mapped.arms, mapped.place_arm} - {""} <= {*arms}, name


def test_a_saved_row_names_its_token_by_id() -> None:
    shown = str(experiment_panels(ExperimentList(experiments=[ONE]), {"curl": "x"}))
    assert '["token_id", "token"]' in shown
    assert '[5, "?"]' in shown

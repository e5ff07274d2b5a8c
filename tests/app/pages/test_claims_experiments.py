"""Tables of an experiment: a row per arm, a column per layer,
each figure with its interval and n.
"""

from typing import Any

from app.pages.claims.experiments import SHOWN, estimate_table, experiment_panels
from app.parts.still import still
from backend.schemas import Experiment, ExperimentEstimate, ExperimentList


def estimate(
    arm: str, layer: int | None, value: float, interval: list[float] | None, subject: str = ""
) -> Any:
    return ExperimentEstimate(
        arm=arm,
        sae_id=None if layer is None else f"layer_{layer}",
        layer=layer,
        subject=subject,
        outcome="loss_change",
        value=value,
        interval=interval,
        n=240,
    )


ONE = Experiment(
    name="necessity",
    prompts="held out",
    arms={"all_of_it": "Everything is ablated.", "all_of_it - less": "The difference."},
    outcomes={"loss_change": "loss with minus loss without [nats]"},
    estimates=[
        estimate("all_of_it", 1, 1.5, [1.0, 2.0]),
        estimate("all_of_it", 3, -0.001, [-0.002, 0.004]),
        estimate("all_of_it - less", 3, -0.5, None),
    ],
    findings=["It matters."],
)


def words(tree: Any) -> list[str]:
    return [tree] if isinstance(tree, str) else [one for child in tree[2:] for one in words(child)]


def test_cells_hold_value_interval_and_a_dash_where_nothing_was_measured() -> None:
    [panel] = experiment_panels(ExperimentList(experiments=[ONE]), {"curl": "x"})
    said = words(still(panel).tree)
    assert (
        "Loss with minus loss without [nats]. 95 % intervals; n = 240 prompts a cell: held out."
        in said
    )
    at = said.index("all of it")
    assert said[at : at + 8] == [
        "all of it",
        "1.50",
        "1.00 to 2.00",
        "0.00",
        "0.00 to 0.00",
        "all of it − less",
        "–",
        "−0.50",
    ]


def test_columns_are_layers_or_kinds_of_question() -> None:
    rows = [
        estimate("none", None, 0.5, [0.4, 0.6], subject="place"),
        estimate("none", None, 1.0, None, subject="food"),
    ]
    shown = SHOWN["grid"]
    said = words(still(estimate_table(ONE, rows, shown)).tree)
    assert said == ["", "place", "food", "none", "50 %", "40 % to 60 %", "100 %", ""]

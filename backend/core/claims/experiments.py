"""Claims that the companion `experiments` measures:
ablation, distance, steering, the search for a trait.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.core.claims.measures import Measure, Sources, claimed_sae, require_enough
from backend.core.claims.rules import Figure, Measured, NotTested
from backend.core.companions.experiments.store import Estimate, ExperimentsStore

KIND = "experiments"


def _store(sources: Sources) -> ExperimentsStore:
    store: ExperimentsStore = sources.companion(KIND)
    return store


def _estimates(sources: Sources, experiment: str, outcome: str, arm: str) -> list[Estimate]:
    """All rows of one arm and outcome; NotTested where the experiment was not run."""
    found = _store(sources).estimates(experiment, outcome=outcome, arm=arm)
    if not found:
        raise NotTested(f"the experiments beside this build hold no {experiment}: {arm}, {outcome}")
    return found


def _interval(row: Estimate) -> tuple[float, float] | None:
    return None if row.low is None or row.high is None else (row.low, row.high)


def estimate(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """One estimate of an arm: in all SAEs together, or at a depth;
    beside it another arm of the same.
    """
    experiment, outcome = parameters["experiment"], parameters["outcome"]
    of_one = "depth" in parameters or "sae_id" in parameters
    sae_id = claimed_sae(sources.store(), parameters).sae_id if of_one else "all"
    rows = _estimates(sources, experiment, outcome, parameters["arm"])
    row = next((one for one in rows if one.sae_id == sae_id), None)
    if row is None:
        raise NotTested(f"the experiment {experiment} was not run on {sae_id}")
    return _beside(sources, row, parameters)


def best_layer(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """The estimate of the layer where it is largest, or of the SAE that `sae_id` names."""
    rows = _estimates(sources, parameters["experiment"], parameters["outcome"], parameters["arm"])
    return _beside(sources, max(_of_sae(rows, parameters), key=lambda one: one.value), parameters)


def _of_sae(rows: list[Estimate], parameters: dict[str, Any]) -> list[Estimate]:
    """Those of the SAE that `sae_id` names; all where none is named. NotTested where none is
    left.
    """
    asked = parameters.get("sae_id")
    found = [row for row in rows if asked in (None, row.sae_id)]
    if not found:
        raise NotTested(f"the experiment was not run on {asked}")
    return found


def _beside(sources: Sources, row: Estimate, parameters: dict[str, Any]) -> Measured:
    """The row as measured, with the control arm of the same SAE or subject beside it."""
    other = parameters["beside"]
    found = _estimates(sources, row.experiment, row.outcome, other)
    control = next(
        (one for one in found if (one.sae_id, one.subject) == (row.sae_id, row.subject)), found[0]
    )
    return Measured(
        row.value,
        _interval(row),
        row.n,
        "prompts",
        "all SAEs" if row.sae_id in (None, "all") else row.sae_id,
        Figure("experiments", row.experiment),
        parameters["beside_words"],
        control.value,
        _interval(control),
        control_unit=parameters.get("beside_unit", "share"),
    )


def most_successful_depth(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Relative depth (0 to 1) of the layer where the trait prompt's residual shows
    the trait most often.
    """
    rows = _estimates(sources, "trait", "success", "layer")
    best = max(rows, key=lambda one: one.value)
    n_layers = int(sources.store().provenance()["model"]["n_layers"])
    if best.layer is None:
        raise NotTested("the search names no layer")
    rivals = [one for one in rows if one is not best and (one.high or 0.0) > (best.low or 1.0)]
    ends = [(one.layer or 0) + 1 for one in (best, *rivals)]
    return Measured(
        (best.layer + 1) / n_layers,
        (min(ends) / n_layers, max(ends) / n_layers),
        best.n,
        "prompts a layer; the interval spans the layers whose own intervals overlap the best one's",
        best.sae_id or "no SAE",
        Figure("experiments", "trait"),
        "there the trait shows in",
        best.value,
        _interval(best),
        control_unit="share",
    )


def grid_cells(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """Share of the cells of the paper's Figure 7 (without the row “none”) in which the
    traits show most often: of the grid where it was run, else of the demonstrations, a cell a
    trait or pair.

    A cell counts when the interval of its success lies above one half.
    """
    store, least = _store(sources), float(parameters["success"])
    rows = [
        one
        for one in store.estimates("grid", outcome="success")
        if "·" not in one.arm and one.arm != "none"
    ]
    grid = [(f"{one.arm} × {one.subject}", one) for one in rows]
    cells: Sequence[tuple[str, Estimate | None]] = grid or _demonstrated(store)
    if not any(one is not None for _, one in cells):
        raise NotTested("the experiments beside this build hold no grid and no demonstrations")
    works = [name for name, one in cells if one is not None and (one.low or 0.0) > least]
    first = next(one for _, one in cells if one is not None)
    return Measured(
        len(works) / len(cells),
        None,
        len(cells),
        f"cells, {first.n} prompts each",
        "all SAEs",
        Figure("experiments", first.experiment),
        f"cells that work: {', '.join(works) or 'none'}",
    )


def _demonstrated(store: ExperimentsStore) -> list[tuple[str, Estimate | None]]:
    """How often each trait, or pair, shows under its feature: in the SAE whose feature did best on
    the questions to choose on. None where no feature gave it oftener than no edit: that is a cell
    too.
    """
    rows = store.estimates("demonstrations")
    of_features = [one for one in rows if one.arm == "feature"]
    fits = {(one.subject, one.sae_id): one.value for one in of_features if one.outcome == "fit"}
    shown = [one for one in of_features if one.outcome == "shown"]
    return [
        (
            name,
            max(
                (one for one in shown if one.subject == name),
                key=lambda one: fits.get((one.subject, one.sae_id), 0.0),
                default=None,
            ),
        )
        for name in dict.fromkeys(one.subject for one in rows)
    ]


def carry(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """An arm of `carry` for the largest set of subjects, in the SAE in which most are carried at
    the prompts' end, or the one that `sae_id` names.

    That choice does not look at the arm, unless the arm is the end itself.
    """
    rows = _store(sources).estimates("carry")
    ends = [row for row in rows if (row.arm, row.outcome) == ("at the end", "own")]
    if not ends:
        raise NotTested(
            "the experiments beside this build hold no carry: `functionscope precompute carry` on "
            "a task file makes it"
        )
    best = max(_of_sae(ends, parameters), key=lambda one: (one.n, one.value))
    arm, outcome = parameters["arm"], parameters["outcome"]
    of_best = {
        (row.arm, row.outcome): row
        for row in rows
        if (row.sae_id, row.subject) == (best.sae_id, best.subject)
    }
    row = of_best.get((arm, outcome))
    if row is None:
        raise NotTested(
            f"carry holds no {arm}: the tails of {best.subject} have no such tokens at equal "
            "distances"
        )
    control = of_best[parameters["beside_arm"], parameters["beside_outcome"]]
    noun = _carried(sources, best.subject)
    require_enough(row.n, noun)
    return Measured(
        row.value,
        _interval(row),
        row.n,
        noun,
        row.sae_id or "no SAE",
        Figure("experiments", "carry"),
        parameters["beside_words"],
        control.value,
        _interval(control),
    )


def _carried(sources: Sources, subject: str) -> str:
    """What the subjects of a set are, in the plural."""
    tasks = _store(sources).tasks("carry")
    return next((task.noun for task in tasks if subject.startswith(task.task)), "subjects")


EXPERIMENT_MEASURES: dict[str, Measure] = {
    "estimate": estimate,
    "best_layer": best_layer,
    "most_successful_depth": most_successful_depth,
    "grid_cells": grid_cells,
    "carry": carry,
}

"""Claims about one feature that gives answers a trait: from `demonstrations` on a task file, or
from `trait`, the paper's own search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.core.claims.experiments import KIND
from backend.core.claims.measures import Measure, Sources
from backend.core.claims.rules import Edit, Figure, Measured, NotTested
from backend.core.companions.experiments.store import Estimate, ExperimentsStore


@dataclass(frozen=True)
class _Search:
    """How one experiment writes what it found; `arms`: our name -> its own."""

    experiment: str
    shown: str  # outcome: the share of answers that show the trait
    arms: dict[str, str]
    edit: tuple[str, str, str]  # arm, outcome of the feature's index, outcome of its strength
    positions: Any


SEARCHES = (
    _Search(
        "demonstrations",
        "shown",
        {
            "feature": "feature",
            "random": "random features",
            "content": "feature, at a content word",
            "unedited": "unedited",
        },
        ("feature", "feature_index", "value"),
        "last",
    ),
    _Search(
        "trait",
        "success",
        {"feature": "feature", "random": "random_feature", "unedited": "none"},
        ("search", "feature_index", "feature_alpha"),
        "last_function",
    ),
)


def one_feature(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """An arm (feature, random or content), in the SAE where the feature shows the trait most often
    or the one that `sae_id` names; beside it another arm. `outcome`: of the arm, where it is not
    the share of answers that show the trait.
    """
    store: ExperimentsStore = sources.companion(KIND)
    search = _run(store)
    best = _best(store, search, parameters.get("sae_id"))
    arm, beside = parameters["arm"], parameters["beside"]
    row = _row(store, search, arm, parameters.get("outcome", search.shown), best)
    control = _row(store, search, beside, parameters.get("outcome", search.shown), best)
    return Measured(
        row.value,
        _interval(row),
        row.n,
        parameters.get("n_unit", "answers"),
        best.sae_id or "no SAE",
        Figure("experiments", search.experiment),
        parameters["beside_words"],
        control.value,
        _interval(control),
        edit=_edit(store, search, best),
    )


def _run(store: ExperimentsStore) -> _Search:
    names = store.names()
    found = next((one for one in SEARCHES if one.experiment in names), None)
    if found is None:
        raise NotTested(
            "the experiments beside this build hold no search for a feature: `functionscope "
            "precompute demonstrations` on a task file makes it"
        )
    return found


def _best(store: ExperimentsStore, search: _Search, sae_id: str | None) -> Estimate:
    rows = store.estimates(search.experiment, outcome=search.shown, arm=search.arms["feature"])
    rows = [row for row in rows if sae_id in (None, row.sae_id)]
    if not rows:
        raise NotTested(f"no feature was found in {sae_id or 'any SAE'}")
    first = rows[0].subject  # a file's traits stand in its order: languages first
    return max((row for row in rows if row.subject == first), key=lambda one: one.value)


def _row(
    store: ExperimentsStore, search: _Search, arm: str, outcome: str, best: Estimate
) -> Estimate:
    """The arm's row of the same SAE and trait; unedited answers are of no SAE in one experiment."""
    if arm not in search.arms:
        raise NotTested(f"{search.experiment} has no such control")
    rows = store.estimates(search.experiment, outcome=outcome, arm=search.arms[arm])
    found = next(
        (row for row in rows if row.subject == best.subject and row.sae_id in (best.sae_id, None)),
        None,
    )
    if found is None:
        raise NotTested(f"{search.experiment} holds no {search.arms[arm]}: {outcome}")
    return found


def _edit(store: ExperimentsStore, search: _Search, best: Estimate) -> Edit | None:
    arm, index, strength = search.edit
    values = {
        row.outcome: row.value
        for row in store.estimates(search.experiment, arm=arm, sae_id=best.sae_id)
        if row.subject == best.subject
    }
    if best.sae_id is None or index not in values or strength not in values:
        return None
    return Edit(best.sae_id, int(values[index]), values[strength], search.positions)


def _interval(row: Estimate) -> tuple[float, float] | None:
    return None if row.low is None or row.high is None else (row.low, row.high)


STEERING_MEASURES: dict[str, Measure] = {"one_feature": one_feature}

"""Claims that causal tests over task files measure: where the answer travels, is needed, is
readable."""

from __future__ import annotations

from typing import Any

from backend.core.claims.experiments import KIND
from backend.core.claims.measures import Measure, Sources, require_enough
from backend.core.claims.rules import Figure, Measured, NotTested
from backend.core.companions.experiments.store import Estimate, ExperimentsStore

PLAIN = ", plain"  # a set that is asked without examples too


def patched(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """One arm in the layer where it is largest, for the largest set of subjects, asked as its file
    says.

    Its interval holds the choice of the layer. Beside it another arm of the same set.
    """
    store: ExperimentsStore = sources.companion(KIND)
    experiment, arm, outcome = parameters["experiment"], parameters["arm"], parameters["outcome"]
    rows = _of(store.estimates(experiment, arm=arm, outcome=outcome))
    if not rows:
        raise NotTested(
            f"the experiments beside this build hold no {experiment}: {arm}, {outcome}; "
            f"`functionscope precompute {experiment}` on a task file makes it"
        )
    best = max(rows.values(), key=lambda one: one.n)
    require_enough(best.n, "prompts")
    beside = _of(store.estimates(experiment, arm=parameters["beside_arm"], outcome=outcome))
    control = beside.get(best.subject)
    return Measured(
        best.value,
        _interval(best),
        best.n,
        "prompts",
        f"{best.subject}, after layer {best.layer}",
        Figure("experiments", experiment),
        parameters["beside_words"],
        control.value if control else None,
        _interval(control) if control else None,
        control_unit=parameters.get("beside_unit", "share"),
    )


def _of(rows: list[Estimate]) -> dict[str, Estimate]:
    """By set of subjects, without those that are asked plainly beside."""
    return {row.subject: row for row in rows if not row.subject.endswith(PLAIN)}


def _interval(row: Estimate) -> tuple[float, float] | None:
    return None if row.low is None or row.high is None else (row.low, row.high)


PATCHING_MEASURES: dict[str, Measure] = {"patched": patched}

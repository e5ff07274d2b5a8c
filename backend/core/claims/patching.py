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
    says; with `plainly`, asked without the examples of its file.

    Its interval holds the choice of the layer. Beside it another arm of the same set.
    """
    store: ExperimentsStore = sources.companion(KIND)
    experiment, arm, outcome = parameters["experiment"], parameters["arm"], parameters["outcome"]
    plainly = parameters.get("plainly", False)
    every = store.estimates(experiment, arm=arm, outcome=outcome)
    rows = _of(every, plainly)
    if plainly and every and not rows:
        raise NotTested("its task files have no examples: as they are asked stands above")
    if not rows:
        raise NotTested(
            f"the experiments beside this build hold no {experiment}: {arm}, {outcome}; "
            f"`functionscope precompute {experiment}` on a task file makes it"
        )
    best = max(rows.values(), key=lambda one: one.n)
    require_enough(best.n, "prompts")
    beside = _of(
        store.estimates(experiment, arm=parameters["beside_arm"], outcome=outcome), plainly
    )
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


def _of(rows: list[Estimate], plainly: bool) -> dict[str, Estimate]:
    """By set of subjects: those as their files ask them, or those that are asked plainly beside."""
    return {row.subject: row for row in rows if row.subject.endswith(PLAIN) == plainly}


def _interval(row: Estimate) -> tuple[float, float] | None:
    return None if row.low is None or row.high is None else (row.low, row.high)


PATCHING_MEASURES: dict[str, Measure] = {"patched": patched}

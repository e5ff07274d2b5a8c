"""Claims asked of several dictionaries of one layer: what the choice of the SAE decides.

Supported where every dictionary's interval lies where the rule wants it, not supported where every
one's lies outside; where they disagree, or some leave it open, inconclusive.
"""

from __future__ import annotations

from typing import Any

from backend.core.claims.experiments import KIND
from backend.core.claims.measures import Measure, Sources
from backend.core.claims.rules import Figure, Measured, NotTested
from backend.core.companions.experiments.store import Estimate, ExperimentsStore

EXPERIMENT = "dictionaries"
WITHOUT = ", without dense features"  # ends the subjects that leave them out


def every_dictionary(sources: Sources, parameters: dict[str, Any]) -> Measured:
    """An arm in the dictionary where it is smallest; its interval spans those of all of them.

    `subject`: as the job calls it; without one, the first set or trait that has the arm. Beside it
    another arm of the same dictionary. `sae_id`: this dictionary alone.
    """
    arm, outcome = parameters["arm"], parameters["outcome"]
    rows = _of_subject(_rows(sources, arm, outcome), parameters)
    beside = _of_subject(_rows(sources, parameters["beside"], outcome), parameters)
    asked = parameters.get("sae_id")
    if asked is not None:
        rows = [row for row in rows if row.sae_id == asked]
        if not rows:
            raise NotTested(f"the dictionary {asked} has no {arm}")
    least = min(rows, key=lambda row: row.value)
    control = next((row for row in beside if row.sae_id == least.sae_id), None)
    return Measured(
        least.value,
        (min(_ends(row)[0] for row in rows), max(_ends(row)[1] for row in rows)),
        least.n,
        parameters["n_unit"],
        _source(least, len(rows)),
        Figure("coverage", EXPERIMENT),
        parameters["beside_words"],
        control.value if control else None,
        _ends(control) if control and control.low is not None else None,
    )


def dictionaries(sources: Sources) -> list[tuple[str, int]]:
    """(name, layer) of those that were compared, in the order in which they were given."""
    store: ExperimentsStore = sources.companion(KIND)
    rows = store.estimates(EXPERIMENT, outcome="d_sae")
    return [(row.sae_id or "", row.layer or 0) for row in rows]


def _rows(sources: Sources, arm: str, outcome: str) -> list[Estimate]:
    store: ExperimentsStore = sources.companion(KIND)
    found = store.estimates(EXPERIMENT, arm=arm, outcome=outcome)
    if not found:
        raise NotTested(
            f"the experiments beside this build hold no {EXPERIMENT}: {arm}, {outcome}; "
            "`functionscope precompute dictionaries` on two SAEs of a layer makes it"
        )
    return [row for row in found if row.sae_id is not None]


def _of_subject(rows: list[Estimate], parameters: dict[str, Any]) -> list[Estimate]:
    subjects = [row.subject for row in rows if not row.subject.endswith(WITHOUT)]
    wanted = parameters.get("subject", subjects[0] if subjects else "")
    found = [row for row in rows if row.subject == wanted]
    if not found:
        raise NotTested(f"no dictionary was asked for {wanted}")
    return found


def _ends(row: Estimate) -> tuple[float, float]:
    low = row.value if row.low is None else row.low
    return low, row.value if row.high is None else row.high


def _source(least: Estimate, n: int) -> str:
    return f"{least.sae_id}, the least of {n} dictionaries" if n > 1 else f"{least.sae_id}"


DICTIONARY_MEASURES: dict[str, Measure] = {"every_dictionary": every_dictionary}

"""Every claim with its number and its verdict, computed from what the build holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.core.claims.consolidation import CONSOLIDATION_MEASURES
from backend.core.claims.experiments import EXPERIMENT_MEASURES
from backend.core.claims.measures import BUILD_MEASURES, Measure, Sources
from backend.core.claims.patching import PATCHING_MEASURES
from backend.core.claims.rules import Claim, Measured, NotTestable, Verdict, load_claims, verdict_of
from backend.core.claims.statistics import STATISTICS_MEASURES

MEASURES: dict[str, Measure] = {
    **BUILD_MEASURES,
    **STATISTICS_MEASURES,
    **EXPERIMENT_MEASURES,
    **PATCHING_MEASURES,
    **CONSOLIDATION_MEASURES,
}


@dataclass(frozen=True)
class Judged:
    """A claim, what was measured for it (None: nothing could be),
    and the verdict with its reason.
    """

    claim: Claim
    measured: Measured | None
    verdict: Verdict
    reason: str  # of "not testable"; else empty


def judge(claim: Claim, sources: Sources) -> Judged:
    """Measure one claim and apply its rule."""
    try:
        measured = MEASURES[claim.measure](sources, claim.parameters)
    except NotTestable as lacking:
        return Judged(claim, None, "not testable", str(lacking))
    verdict = verdict_of(claim.rule, measured)
    reason = (
        "the interval holds the threshold: this build cannot tell"
        if verdict == "not testable"
        else ""
    )
    return Judged(claim, measured, verdict, reason)


def judge_all(sources: Sources, claims: Sequence[Claim] | None = None) -> list[Judged]:
    """All claims of `claims.toml`, in its order."""
    return [judge(claim, sources) for claim in (load_claims() if claims is None else claims)]

"""Every claim with its number and its verdict, computed from what the build holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.core.claims.consolidation import CONSOLIDATION_MEASURES
from backend.core.claims.dictionaries import DICTIONARY_MEASURES, dictionaries
from backend.core.claims.experiments import EXPERIMENT_MEASURES
from backend.core.claims.measures import BUILD_MEASURES, Measure, Sources
from backend.core.claims.patching import PATCHING_MEASURES
from backend.core.claims.rules import Claim, Measured, NotTested, Verdict, load_claims, verdict_of
from backend.core.claims.statistics import STATISTICS_MEASURES
from backend.core.claims.steering import STEERING_MEASURES

MEASURES: dict[str, Measure] = {
    **BUILD_MEASURES,
    **STATISTICS_MEASURES,
    **EXPERIMENT_MEASURES,
    **PATCHING_MEASURES,
    **STEERING_MEASURES,
    **DICTIONARY_MEASURES,
    **CONSOLIDATION_MEASURES,
}


# of one SAE each, without a depth among their parameters
BY_SAE = ("best_layer", "carry", "one_feature")


@dataclass(frozen=True)
class AtLayer:
    """The same claim, asked of one SAE."""

    sae_id: str
    layer: int
    measured: Measured
    verdict: Verdict


@dataclass(frozen=True)
class Judged:
    """A claim, what was measured for it (None: nothing could be),
    and the verdict with its reason.
    """

    claim: Claim
    measured: Measured | None
    verdict: Verdict
    reason: str  # of "inconclusive" and "not tested"; else empty
    layers: tuple[AtLayer, ...] = ()  # shallow to deep; () where it is not of one layer


def judge(claim: Claim, sources: Sources) -> Judged:
    """Measure one claim and apply its rule."""
    try:
        measured = MEASURES[claim.measure](sources, claim.parameters)
    except NotTested as lacking:
        return Judged(claim, None, "not tested", str(lacking))
    verdict = verdict_of(claim.rule, measured)
    reason = "the interval holds the threshold" if verdict == "inconclusive" else ""
    return Judged(claim, measured, verdict, reason, _by_layer(claim, sources))


def _by_layer(claim: Claim, sources: Sources) -> tuple[AtLayer, ...]:
    """Of every SAE that it can be asked of and that has a number; () where it is of none."""
    found = []
    for sae_id, layer in _asked_of(claim, sources):
        try:
            measured = MEASURES[claim.measure](sources, {**claim.parameters, "sae_id": sae_id})
        except NotTested:
            continue
        found.append(AtLayer(sae_id, layer, measured, verdict_of(claim.rule, measured)))
    return tuple(found)


def _asked_of(claim: Claim, sources: Sources) -> list[tuple[str, int]]:
    """(name, layer) of the dictionaries that were compared, or of the build's SAEs, shallow to
    deep; [] where it is of none, or there is no build.
    """
    if claim.measure in DICTIONARY_MEASURES:
        return dictionaries(sources)
    if "depth" not in claim.parameters and claim.measure not in BY_SAE:
        return []
    try:
        saes = sorted(sources.store().saes(), key=lambda row: row.layer)
    except NotTested:
        return []
    return [(sae.sae_id, sae.layer) for sae in saes]


def judge_all(sources: Sources, claims: Sequence[Claim] | None = None) -> list[Judged]:
    """All claims of `claims.toml`, in its order."""
    return [judge(claim, sources) for claim in (load_claims() if claims is None else claims)]

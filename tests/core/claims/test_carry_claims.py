"""Claims on who carries the subject: which set, layer and arm, and what stands beside it."""

from pathlib import Path
from typing import Any

import pytest

from backend.core.claims.judge import judge
from backend.core.claims.measures import Sources
from backend.core.claims.rules import Claim, Figure, NotTested, load_claims
from backend.core.companions.experiments.store import ExperimentsStore
from precompute.experiments.carry import ARMS, OUTCOMES
from precompute.experiments.carry_kinds import comparison_arms
from precompute.experiments.publish import publish, stated
from precompute.experiments.result import Result

CLAIMS = {claim.id: claim for claim in load_claims() if claim.measure == "carry"}


def missing() -> Any:
    raise NotTested("no build")


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Countries (42) are carried best after layer 12, landmarks (28) after 9."""
    made = Result("carry", 0, arm=ARMS | comparison_arms(), outcome=dict(OUTCOMES))
    figures = {
        ("capitals", 9, "own"): 0.2,
        ("capitals", 12, "own"): 0.8,
        ("landmarks", 9, "own"): 0.9,
        ("capitals", 12, "exchanged"): 0.05,
        ("capitals", 9, "exchanged"): 0.3,
    }
    for (name, layer, outcome), value in figures.items():
        n = 42 if name == "capitals" else 28
        made._add(
            "at the end",
            outcome,
            value,
            value - 0.1,
            value + 0.1,
            n,
            sae_id=f"layer_{layer}",
            layer=layer,
            subject=name,
        )
    for layer, net in ((9, 0.9), (12, 0.3)):
        for arm, value in (("function - content", net), ("content", 0.1)):
            made._add(
                arm,
                "net",
                value,
                value - 0.2,
                value + 0.2,
                42,
                sae_id=f"layer_{layer}",
                layer=layer,
                subject="capitals",
            )
    made.task = [{"task": "capitals", "title": "Capitals", "noun": "countries", "sha256": "c" * 64}]
    path = tmp_path / "b.experiments.duckdb"
    publish(path, [made], "abc", stated("carry", "capitals", {}))
    return Sources(missing, {"experiments": lambda: ExperimentsStore(path)})


def test_the_end_is_read_in_the_layer_where_most_of_the_largest_set_are_carried(
    sources: Sources,
) -> None:
    found = judge(CLAIMS["subject-fires-again-at-the-end"], sources)
    assert found.measured is not None
    assert (found.measured.value, found.measured.control_value, found.measured.n) == (0.8, 0.05, 42)
    assert (found.measured.source, found.measured.n_unit) == ("layer_12", "countries")
    assert found.measured.shown == Figure("experiments", "carry")
    assert found.verdict == "supported"


def test_kinds_are_compared_in_that_layer_not_in_their_own_best(sources: Sources) -> None:
    found = judge(CLAIMS["function-tokens-carry-the-subject"], sources)
    assert found.measured is not None
    assert (found.measured.value, found.measured.source, found.measured.control_value) == (
        0.3,
        "layer_12",
        0.1,
    )
    assert found.verdict == "supported"


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_what_was_not_measured_is_said(claim: Claim, sources: Sources, tmp_path: Path) -> None:
    path = tmp_path / "none.duckdb"
    publish(path, [Result("grid", 0)], "abc", {})
    nothing = Sources(missing, {"experiments": lambda: ExperimentsStore(path)})
    assert "`functionscope precompute carry`" in judge(claim, nothing).reason
    if claim.id in ("punctuation-carries-more-than-words", "closed-class-words-carry-it-too"):
        assert "have no such tokens at equal distances" in judge(claim, sources).reason
    arms = ARMS | comparison_arms()
    assert {claim.parameters["arm"], claim.parameters["beside_arm"]} <= set(arms)


def test_too_few_subjects_decide_nothing(tmp_path: Path) -> None:
    made = Result("carry", 0, arm=ARMS | comparison_arms(), outcome=dict(OUTCOMES))
    for outcome in ("own", "exchanged"):
        where: dict[str, Any] = {"sae_id": "layer_9", "layer": 9, "subject": "animals"}
        made._add("at the end", outcome, 0.0, 0.0, 0.0, 2, **where)
    made.task = [{"task": "animals", "title": "A", "noun": "animals", "sha256": "c" * 64}]
    path = tmp_path / "b.experiments.duckdb"
    publish(path, [made], "abc", stated("carry", "animals", {}))
    few = Sources(missing, {"experiments": lambda: ExperimentsStore(path)})
    found = judge(CLAIMS["subject-fires-again-at-the-end"], few)
    assert found.verdict == "not tested"
    assert "of 2 animals no interval can be drawn, of 8 one can" in found.reason

"""Claims on causal tests: which set is read, what stands beside it, and the verdict at the rule's
edges."""

from pathlib import Path
from typing import Any

import pytest

from backend.core.claims.judge import judge
from backend.core.claims.measures import Sources
from backend.core.claims.rules import Claim, NotTested, load_claims
from backend.core.companions.experiments.store import ExperimentsStore
from precompute.experiments.carry_kinds import comparison_arms
from precompute.experiments.patching import needed, travel, words
from precompute.experiments.publish import publish, stated
from precompute.experiments.result import Result

CLAIMS = {claim.id: claim for claim in load_claims() if claim.measure == "patched"}
DEFINED = {
    "travel": (travel.ARMS | comparison_arms(), travel.OUTCOMES),
    "needed": (needed.ARMS, needed.ALL_OUTCOMES),
    "words": (words.ARMS | comparison_arms(), words.OUTCOMES),
}
NEEDED = CLAIMS["function-tokens-are-needed"]


def missing() -> Any:
    raise NotTested("no build")


def sources_of(tmp_path: Path, claim: Claim, rows: list[tuple[str, str, float, int]]) -> Sources:
    """Rows of (arm, set, value, n) with an interval of 0.05 to either side, after layer 7."""
    asked = claim.parameters
    arms, outcomes = DEFINED[asked["experiment"]]
    made = Result(asked["experiment"], 0, arm=dict(arms), outcome=dict(outcomes))
    for arm, name, value, n in rows:
        ends = (value - 0.05, value + 0.05)
        where: dict[str, Any] = {"sae_id": None, "layer": 7, "subject": name}
        made.estimated(arm, asked["outcome"], value, ends, n, **where)
    path = tmp_path / "b.experiments.duckdb"
    publish(path, [made], "abc", stated(made.experiment, "capitals", {}))
    return Sources(missing, {"experiments": lambda: ExperimentsStore(path)})


def test_every_claim_asks_for_an_arm_and_an_outcome_that_its_job_makes() -> None:
    assert len(CLAIMS) >= 6
    for claim in CLAIMS.values():
        arms, outcomes = DEFINED[claim.parameters["experiment"]]
        assert {claim.parameters["arm"], claim.parameters["beside_arm"]} <= set(arms)
        assert claim.parameters["outcome"] in outcomes


def test_the_largest_set_is_read_as_its_file_asks_it(tmp_path: Path) -> None:
    arm, beside = NEEDED.parameters["arm"], NEEDED.parameters["beside_arm"]
    rows = [
        (arm, "landmarks", 9.0, 20),
        (arm, "capitals", 2.0, 200),
        (arm, "capitals, plain", 5.0, 240),
        (beside, "landmarks", 0.1, 20),
        (beside, "capitals", 0.3, 200),
    ]
    found = judge(NEEDED, sources_of(tmp_path, NEEDED, rows)).measured
    assert found is not None
    assert (found.value, found.control_value, found.n) == (2.0, 0.3, 200)
    assert found.source == "capitals, after layer 7"


def test_a_claim_on_plain_prompts_reads_the_set_without_examples(tmp_path: Path) -> None:
    claim = CLAIMS["needed-without-examples"]
    arm, beside = claim.parameters["arm"], claim.parameters["beside_arm"]
    rows = [
        (arm, "capitals", 0.02, 200),
        (arm, "capitals, plain", 0.9, 110),
        (beside, "capitals", 0.3, 200),
        (beside, "capitals, plain", 0.1, 110),
    ]
    found = judge(claim, sources_of(tmp_path, claim, rows)).measured
    assert found is not None
    assert (found.value, found.control_value, found.n) == (0.9, 0.1, 110)
    assert found.source == "capitals, plain, after layer 7"
    none = judge(claim, sources_of(tmp_path / "b", claim, [(arm, "countries", 0.9, 200)]))
    assert none.verdict == "not tested"
    assert "no examples" in none.reason


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.80, "supported"), (0.69, "inconclusive"), (0.60, "not supported")]
)
def test_the_verdict_follows_the_rule(tmp_path: Path, value: float, verdict: str) -> None:
    sources = sources_of(tmp_path, NEEDED, [(NEEDED.parameters["arm"], "capitals", value, 200)])
    assert judge(NEEDED, sources).verdict == verdict


def test_without_the_experiment_a_claim_says_what_would_make_it(tmp_path: Path) -> None:
    sources = sources_of(tmp_path, NEEDED, [("ablate last", "capitals", 1.0, 200)])
    found = judge(NEEDED, sources)
    assert found.verdict == "not tested"
    assert found.measured is None


@pytest.mark.parametrize(("n", "verdict"), [(7, "not tested"), (8, "not supported")])
def test_too_few_prompts_decide_nothing(tmp_path: Path, n: int, verdict: str) -> None:
    """Two prompts that agree have an interval of no width."""
    sources = sources_of(tmp_path, NEEDED, [(NEEDED.parameters["arm"], "animals", 0.0, n)])
    found = judge(NEEDED, sources)
    assert found.verdict == verdict
    assert ("of 7 prompts no interval can be drawn" in found.reason) == (n == 7)

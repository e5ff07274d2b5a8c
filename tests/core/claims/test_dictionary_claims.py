"""Claims on several dictionaries: every one, none, or some; which subject is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.core.claims import MEASURES
from backend.core.claims.judge import judge
from backend.core.claims.measures import Sources
from backend.core.claims.rules import NotTested, load_claims
from backend.core.companions.experiments.store import ExperimentsStore
from precompute.dictionaries.words import (
    CARRIES,
    DICTIONARY,
    DRAWN,
    EDITED,
    NAME,
    OPENING,
    OUTCOMES,
    REACH_APART,
    TABLE_1,
    WITHOUT,
    arms,
)
from precompute.experiments.publish import publish, stated
from precompute.experiments.result import Result

CLAIMS = {one.id: one for one in load_claims() if one.measure == "every_dictionary"}
FIRST = CLAIMS["beyond-content-in-every-dictionary"]
CARRY = CLAIMS["function-carries-in-every-dictionary"]
Ends = tuple[float, float]


def missing() -> Any:
    raise NotTested("no build")


def sources_of(tmp_path: Path, rows: dict[str, list[tuple[str, str, str, Ends]]]) -> Sources:
    """Dictionary -> rows of (arm, outcome, subject, interval around the value)."""
    made = Result(NAME, 0, arm=arms(10, 0.1), outcome=dict(OUTCOMES))
    for name, listed in rows.items():
        where: dict[str, Any] = {"sae_id": name, "layer": 12}
        made.exact(DICTIONARY, "d_sae", 64, **where)
        for arm, outcome, subject, ends in listed:
            value = sum(ends) / 2
            made.estimated(arm, outcome, value, ends, 46, subject=subject, **where)
    path = tmp_path / "b.experiments.duckdb"
    publish(path, [made], "abc", stated(NAME, "text", {}))
    return Sources(missing, {"experiments": lambda: ExperimentsStore(path)})


def reached(ends: Ends, subject: str = OPENING) -> list[tuple[str, str, str, Ends]]:
    return [(REACH_APART, "coverage", subject, ends), (DRAWN, "coverage", subject, (0.3, 0.5))]


def test_every_claim_asks_for_what_the_job_makes() -> None:
    """Names are written twice: in the rules file, and in the job."""
    assert len(CLAIMS) == 5
    known, subjects = arms(10, 0.1), {s + w for s in (OPENING, TABLE_1) for w in ("", WITHOUT)}
    for claim in CLAIMS.values():
        asked = claim.parameters
        assert {asked["arm"], asked["beside"]} <= set(known), claim.id
        assert asked["outcome"] in OUTCOMES
        assert asked.get("subject", OPENING) in subjects
    assert (CARRY.parameters["arm"], CARRY.parameters["beside"]) == (CARRIES[2], CARRIES[1])
    steered = CLAIMS["one-feature-steers-in-every-dictionary"].parameters
    assert (steered["arm"], steered["beside"]) == EDITED[:2]


@pytest.mark.parametrize(
    ("base", "seed", "verdict"),
    [
        ((0.001, 0.2), (0.1, 0.3), "supported"),
        ((0.0, 0.2), (0.1, 0.3), "inconclusive"),  # the first one's interval holds 0
        ((-0.2, -0.1), (0.1, 0.3), "inconclusive"),  # they disagree
        ((-0.2, -0.1), (-0.3, 0.0), "not supported"),
        ((-0.2, -0.1), (-0.3, 0.001), "inconclusive"),
        ((-0.1, 0.1), (-0.1, 0.1), "inconclusive"),
    ],
)
def test_the_verdict_needs_every_dictionary(
    tmp_path: Path, base: Ends, seed: Ends, verdict: str
) -> None:
    sources = sources_of(tmp_path, {"base": reached(base), "seed": reached(seed)})
    found = judge(FIRST, sources)
    assert found.verdict == verdict
    assert found.measured is not None
    assert found.measured.interval == (min(base[0], seed[0]), max(base[1], seed[1]))
    assert [(one.sae_id, one.layer) for one in found.layers] == [("base", 12), ("seed", 12)]
    alone = [FIRST.rule.verdict(*ends) for ends in (base, seed)]
    assert [one.verdict for one in found.layers] == alone


def test_the_value_is_the_least_and_its_control_stands_beside_it(tmp_path: Path) -> None:
    other = [(REACH_APART, "coverage", OPENING, (0.0, 0.1)), (DRAWN, "coverage", OPENING, (0, 1.8))]
    sources = sources_of(tmp_path, {"base": reached((0.1, 0.3)), "seed": other})
    found = judge(FIRST, sources).measured
    assert found is not None
    assert (found.value, found.control_value) == (0.05, 0.9)
    assert found.source == "seed, the least of 2 dictionaries"
    assert (found.shown.subject, found.shown.name) == ("coverage", "dictionaries")


def test_a_claim_reads_its_own_subject(tmp_path: Path) -> None:
    """Without dense features only where it says so; of sets, the first one."""
    rows = reached((0.1, 0.3)) + reached((-0.3, -0.1), OPENING + WITHOUT)
    for subject, ends in (
        (f"capitals{WITHOUT}", (-0.5, -0.4)),
        ("capitals", (0.2, 0.3)),
        ("landmarks", (-0.3, -0.2)),
    ):
        rows += [(CARRIES[2], "net", subject, ends), (CARRIES[1], "net", subject, (0.0, 0.1))]
    sources = sources_of(tmp_path, {"base": rows, "seed": rows})
    assert judge(FIRST, sources).verdict == "supported"
    assert judge(CARRY, sources).verdict == "supported"
    bare = CLAIMS["beyond-content-without-dense-features"]
    assert judge(bare, sources).verdict == "not supported"
    lacking = judge(CLAIMS["beyond-content-in-every-dictionary-at-table-1"], sources)
    assert (lacking.verdict, lacking.reason) == (
        "not tested",
        "no dictionary was asked for Table 1",
    )


def test_without_the_job_the_claim_says_what_makes_it(tmp_path: Path) -> None:
    sources = sources_of(tmp_path, {})
    found = judge(FIRST, sources)
    assert found.verdict == "not tested"
    assert "functionscope precompute dictionaries" in found.reason
    with pytest.raises(NotTested):
        MEASURES["every_dictionary"](sources, FIRST.parameters | {"sae_id": "base"})

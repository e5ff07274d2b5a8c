"""Claims: verdicts follow from rule, number and interval, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.claims import MEASURES, judge_all
from backend.core.claims.consolidation import features_grow, function_degree_grows
from backend.core.claims.judge import judge
from backend.core.claims.measures import PAPER_DEPTHS, Sources, depth_sae
from backend.core.claims.rules import (
    Figure,
    Measured,
    NotTested,
    Rule,
    load_claims,
    rule_words,
    verdict_of,
)
from backend.core.companions.consolidation.growth import degree_split
from backend.core.companions.consolidation.store import ConsolidationStore
from backend.core.companions.file import companion_path
from backend.core.store import StoreMissing

LAB = Path(__file__).parents[3] / "precompute/lab/lab.duckdb"
MEASURED = Measured(0.5, (0.4, 0.6), 30, "shards", "layer_1", Figure("coverage"))
finite = st.floats(-10, 10)


def missing() -> None:
    raise StoreMissing("no build at x: make one")


@pytest.mark.parametrize(
    ("rule", "interval", "verdict"),
    [
        (Rule(0.3, None), (0.4, 0.6), "supported"),
        (Rule(0.4, None), (0.4, 0.6), "inconclusive"),
        (Rule(0.6, None), (0.4, 0.6), "not supported"),
        (Rule(None, 0.7), (0.4, 0.6), "supported"),
        (Rule(None, 0.4), (0.4, 0.6), "not supported"),
        (Rule(0.3, 0.7), (0.4, 0.6), "supported"),
        (Rule(0.3, 0.5), (0.4, 0.6), "inconclusive"),
        (Rule(0.7, 0.9), (0.4, 0.6), "not supported"),
    ],
)
def test_a_verdict_needs_the_whole_interval(
    rule: Rule, interval: tuple[float, float], verdict: str
) -> None:
    assert verdict_of(rule, replace(MEASURED, interval=interval)) == verdict


@given(low=finite, value=finite, width=st.floats(0, 5))
def test_a_wider_interval_never_decides_more(low: float, value: float, width: float) -> None:
    rule = Rule(low, None)
    narrow, wide = rule.verdict(value, value), rule.verdict(value - width, value + width)
    assert wide in (narrow, "inconclusive")


def test_without_an_interval_the_count_itself_decides() -> None:
    assert verdict_of(Rule(0.4, None), replace(MEASURED, interval=None)) == "supported"
    assert verdict_of(Rule(0.5, None), replace(MEASURED, interval=None)) == "not supported"


def test_the_shipped_rules_are_whole() -> None:
    claims = load_claims()
    assert len({claim.id for claim in claims}) == len(claims) >= 12
    for claim in claims:
        assert claim.measure in MEASURES, claim.id
        assert claim.statement.endswith("."), claim.id
        assert claim.definition.endswith("."), claim.id
        assert rule_words(claim.rule, claim.unit).startswith("Supported if the whole interval lies")


def test_a_rule_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_text('[[claim]]\nid = "x"\nunit = "share"\nrule = { over = 1 }\n')
    with pytest.raises(ValueError, match="claim 'x': rule must hold above, below or both"):
        load_claims(path)


def test_without_a_build_nothing_is_tested_and_each_says_why() -> None:
    judged = judge_all(Sources(missing, {}))  # type: ignore[arg-type]
    assert {one.verdict for one in judged} == {"not tested"}
    assert all(one.reason for one in judged)


def test_an_interval_over_the_threshold_is_said_to_decide_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim = replace(load_claims()[0], measure="fixed", rule=Rule(0.5, None))
    monkeypatch.setitem(MEASURES, "fixed", lambda *_: MEASURED)
    judged = judge(claim, Sources(missing, {}))  # type: ignore[arg-type]
    assert judged.verdict == "inconclusive"
    assert "threshold" in judged.reason


@pytest.mark.parametrize("recipe", ["fixed", "equal_score"])
@pytest.mark.parametrize("since", ["first", "random"])
def test_growth_is_measured_within_one_run(recipe: str, since: str) -> None:
    """The shipped results hold SAEs of two models:
    both ends of a difference are of the same one.
    """
    store = ConsolidationStore(companion_path(LAB, "consolidation"))
    sources = Sources(missing, {"consolidation": lambda: store})  # type: ignore[arg-type]
    parameters = {"recipe": recipe, "since": since}
    if (recipe, since) == ("equal_score", "random"):
        with pytest.raises(NotTested, match="step 0"):
            features_grow(sources, parameters)
        return
    has = {one.run for one in store.growth().saes if one.recipe == recipe}
    run = max((one for one in store.runs() if one.run in has), key=lambda one: one.n_layers).run
    of_run = {
        s.step: s for s in store.growth().saes if (s.run, s.recipe, s.seed) == (run, recipe, 0)
    }
    first = 0 if since == "random" else min(step for step in of_run if step > 0)
    found = features_grow(sources, parameters)
    assert found.value == of_run[max(of_run)].n_features - of_run[first].n_features
    assert found.control_value == of_run[first].n_features
    cut = store.cut("0.40")
    ends = [degree_split(store.growth(), of_run[step], cut).share for step in (max(of_run), first)]
    assert function_degree_grows(sources, parameters).value == pytest.approx(ends[0] - ends[1])


class _Store:
    def __init__(self, *layers: int) -> None:
        self.layers = layers

    def provenance(self) -> dict[str, dict[str, int]]:
        return {"model": {"n_layers": 42}}

    def saes(self) -> list[object]:
        return [
            type("Row", (), {"sae_id": f"layer_{layer}", "layer": layer})() for layer in self.layers
        ]


def test_depths_are_the_papers_layers_on_the_papers_model() -> None:
    found = [depth_sae(_Store(9, 20, 26, 31), depth).layer for depth in PAPER_DEPTHS]  # type: ignore[arg-type]
    assert found == [9, 20, 31]
    with pytest.raises(NotTested, match="three depths"):
        depth_sae(_Store(20), "middle")  # type: ignore[arg-type]


def test_the_middle_layer_is_compared_with_the_highest_of_all_others() -> None:
    reached = {"layer_9": 0.3, "layer_20": 0.8, "layer_26": 0.9, "layer_31": 0.5, "other_20": 1.0}
    store = _Store(9, 20, 26, 31)
    again = type("Row", (), {"sae_id": "other_20", "layer": 20})()
    rows = [*store.saes(), again]
    store.saes = lambda: rows  # type: ignore[method-assign]
    store.coverage_contrast = lambda sae_id, k: SimpleNamespace(  # type: ignore[attr-defined]
        coverage=reached[sae_id], interval=(reached[sae_id] - 0.01, reached[sae_id] + 0.01)
    )
    stated = store.provenance() | {"job": {"n_shards": 40}}
    store.provenance = lambda: stated  # type: ignore[method-assign]
    claim = next(one for one in load_claims() if one.id == "middle-reached-most")
    judged = judge(claim, Sources(lambda: store, {}))  # type: ignore[arg-type,return-value]
    assert judged.verdict == "not supported"
    assert judged.measured is not None
    assert judged.measured.value == pytest.approx(0.8 - 0.9)
    assert judged.measured.interval == pytest.approx((-0.12, -0.08))
    assert (judged.measured.control_value, judged.measured.source) == (
        0.9,
        "layer_20 and layer_26",
    )
    assert "layer_26" in judged.measured.control
    reached["layer_26"] = 0.4
    judged = judge(claim, Sources(lambda: store, {}))  # type: ignore[arg-type,return-value]
    assert (judged.verdict, "layer_31" in judged.measured.control) == ("supported", True)  # type: ignore[union-attr]

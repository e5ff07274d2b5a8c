"""Claims asked of every SAE, at the build's own setting, of one feature; what came out."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.core.claims import MEASURES, judge_all
from backend.core.claims.judge import judge
from backend.core.claims.measures import PAPER_TOKENS, TABLE_1, Sources
from backend.core.claims.rules import (
    Edit,
    Figure,
    Measured,
    NotTested,
    load_claims,
    plain_words,
)
from backend.core.companions.experiments.store import ExperimentsStore
from backend.core.companions.served import Build
from backend.core.companions.statistics.rows import RateContrastRow
from precompute.experiments.publish import publish, stated
from precompute.experiments.result import Result

SHIPPED = Path(__file__).parents[3] / "precompute"
TABLE_1_PANELS = {"curve", "equal", "degree", "laws", "kinds", "nulls"}
CLAIMS = {claim.id: claim for claim in load_claims()}


def sources(name: str) -> Sources:
    build = Build(None, SHIPPED / name / f"{name}.duckdb")
    return Sources(build.require, build.companions())


def test_a_claim_on_one_layer_is_asked_of_all_and_agrees_with_itself() -> None:
    judged = {one.claim.id: one for one in judge_all(sources("lab"))}
    layered = [one for one in judged.values() if one.layers]
    assert len(layered) >= 12
    for one in layered:
        assert one.measured is not None
        layers = [at.layer for at in one.layers]
        assert layers == sorted(layers)
        own = [at for at in one.layers if at.sae_id == one.measured.source.split(",")[0]]
        assert [at.verdict for at in own] == [one.verdict], one.claim.id
        assert own[0].measured.value == one.measured.value
    assert [at.layer for at in judged["ten-tokens-reach-most"].layers] == [1, 3, 5, 7]
    assert judged["zipf"].layers == ()  # of the corpus, and of no layer


def test_at_the_builds_own_setting_the_comparison_is_the_statistics_own() -> None:
    found = judge(CLAIMS["more-where-it-is-not-full"], sources("gemma"))
    build = Build(None, SHIPPED / "gemma/gemma.duckdb")
    opening = build.require().provenance()["coverage_opening"]
    rows = build.statistics().equal_occurrence(
        "layer_9", theta_ordinal=opening["theta_ordinal"], min_count=opening["min_count"]
    )
    row = next(one for one in rows if one.k == 10 and one.cut is None)
    assert found.measured is not None
    assert row.other_coverage is not None
    assert found.measured.value == row.coverage - row.other_coverage
    assert found.measured.interval == (row.low - row.other_coverage, row.high - row.other_coverage)
    assert found.measured.shown.settings["min_count"] == str(opening["min_count"])
    lacking = judge(CLAIMS["more-where-it-is-not-full"], sources("lab"))
    assert (lacking.verdict, "no setting of its own" in lacking.reason) == ("not tested", True)


def test_one_feature_is_named_with_its_strength() -> None:
    found = judge(CLAIMS["one-feature-flips-the-language"], sources("lab"))
    assert found.measured is not None
    edit = found.measured.edit
    assert edit is not None
    assert (edit.sae_id, edit.feature_index, edit.positions) == ("layer_7", 455, "last_function")
    assert [at.layer for at in found.layers] == [3, 5, 7]  # no feature was found after layer 1


def searched(tmp_path: Path, *, content: float, lost: tuple[float, float, float]) -> Sources:
    """What `demonstrations` writes of a feature that works in one SAE better than in the other."""
    outcomes = {name: ("share", name) for name in ("shown", "lost")}
    outcomes |= {name: ("number", name) for name in ("feature_index", "value")}
    arms = dict.fromkeys(
        ("unedited", "feature", "feature, at a content word", "random features"), "x"
    )
    made = Result("demonstrations", 0, arm=arms, outcome=outcomes)
    where: dict[str, Any] = {"subject": "Chinese"}
    made.estimated("unedited", "shown", 0.0, (0.0, 0.04), 100, sae_id=None, layer=None, **where)
    for sae_id, layer, shown, index in (("a", 3, 0.4, 5.0), ("b", 8, 0.9, 7.0)):
        at: dict[str, Any] = {"sae_id": sae_id, "layer": layer, **where}
        made.estimated("feature", "shown", shown, (shown - 0.1, shown + 0.05), 100, **at)
        made.estimated("feature", "lost", lost[1], (lost[0], lost[2]), 60, **at)
        made.estimated("feature", "feature_index", index, None, 1, **at)
        made.estimated("feature", "value", 12.5, None, 1, **at)
        spot = "feature, at a content word"
        made.estimated(spot, "shown", content, (content, content + 0.02), 100, **at)
        made.estimated(spot, "lost", 0.1, (0.05, 0.2), 60, **at)
        made.estimated("random features", "shown", 0.01, (0.0, 0.03), 800, **at)
    path = tmp_path / "b.experiments.duckdb"
    publish(path, [made], "abc", stated("demonstrations", "traits", {}))

    def no_build() -> Any:
        raise NotTested("no build")

    return Sources(no_build, {"experiments": lambda: ExperimentsStore(path)})


@pytest.mark.parametrize(
    ("content", "lost", "verdicts"),
    [
        (0.02, (0.6, 0.7, 0.8), ("supported", "not supported")),
        (0.09, (0.4, 0.5, 0.6), ("inconclusive", "inconclusive")),
        (0.20, (0.1, 0.2, 0.3), ("not supported", "supported")),
    ],
)
def test_controls_and_damage_are_of_the_feature_that_works_best(
    tmp_path: Path,
    content: float,
    lost: tuple[float, float, float],
    verdicts: tuple[str, str],
) -> None:
    made = searched(tmp_path, content=content, lost=lost)
    asked = {"sae_id": "b"}  # without a build there are no layers to ask
    measured = {}
    for name in (
        "one-feature-flips-the-language",
        "not-at-a-content-word",
        "the-answer-stays-right",
    ):
        claim = CLAIMS[name]

        best = MEASURES[claim.measure](made, claim.parameters)
        assert best == MEASURES[claim.measure](made, claim.parameters | asked)
        assert best.edit == Edit("b", 7, 12.5, "last")
        measured[name] = claim.rule.verdict(*(best.interval or (best.value, best.value)))
    assert measured["one-feature-flips-the-language"] == "supported"
    assert (measured["not-at-a-content-word"], measured["the-answer-stays-right"]) == verdicts


def test_a_number_counted_at_table_1s_setting_is_shown_at_that_setting() -> None:
    """Pages open on another setting, at which another number stands in the same place."""
    told = sources("gemma")
    seen = set()
    for claim in CLAIMS.values():
        found = judge(claim, told).measured
        if (
            found is None
            or found.shown.name not in TABLE_1_PANELS
            or "sae" not in (found.shown.settings)
        ):
            continue
        if claim.measure == "beyond_content_at_opening":
            continue  # at the opening setting, and says so
        seen.add(found.shown.name)
        assert found.shown.settings.items() >= TABLE_1.items(), claim.id
    assert seen == TABLE_1_PANELS


def test_what_came_out_is_said_for_every_verdict_that_has_words() -> None:
    shown = Figure("coverage")
    measured = Measured(-0.0834, (-0.1, 0.0), 46, "countries", "s", shown, "", 0.71)
    told = [claim for claim in CLAIMS.values() if claim.plain]
    assert len(told) >= 10
    for claim in told:
        assert {"supported", "not supported"} <= set(claim.plain), claim.id
        for verdict in claim.plain:
            said = plain_words(claim, verdict, measured)  # type: ignore[arg-type]
            assert said.endswith("."), claim.id
            assert "{" not in said, claim.id
        assert plain_words(claim, "not tested", None) == ""
    carried = CLAIMS["function-tokens-carry-the-subject"]
    assert plain_words(carried, "supported", measured).endswith("content tokens do, by 8.3 points.")


def test_the_papers_tokens_are_looked_up_by_their_spelling() -> None:
    listed = tomllib.loads(PAPER_TOKENS.read_text("utf-8"))
    assert len(listed["spelled"]) == len(set(listed["spelled"])) == 103 < listed["printed"] == 122
    found = judge(CLAIMS["the-papers-tokens"], sources("gemma")).measured
    assert found is not None
    store = Build(None, SHIPPED / "gemma/gemma.duckdb").require()
    here = [row.text for row in store.tokens(token_class="function", limit=10**6)[0]]
    both = [text for text in listed["spelled"] if text in here]
    assert {" the", ".", "\n", "'s"} & set(listed["spelled"]) == {" the", ".", "\n", "'s"}
    assert (found.value, found.control_value) == (len(both) / 103, len(both) / len(here))


@pytest.mark.parametrize(
    ("low", "high", "others", "verdict"),
    [
        (0.30, 0.34, (0.25, 0.20, 0.29), "supported"),
        (0.30, 0.34, (0.25, 0.20, 0.31), "inconclusive"),
        (0.30, 0.34, (0.40, 0.35, 0.45), "not supported"),
        (0.30, 0.34, (None, None, None), "not tested"),
    ],
)
def test_as_many_tokens_at_a_rate_are_told_apart_by_both_intervals(
    low: float, high: float, others: tuple[float | None, ...], verdict: str
) -> None:
    row = RateContrastRow(0.05, 10, 0.32, low, high, *others, n_others=400, n_draws=200)
    elsewhere = RateContrastRow(0.2, 10, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, n_others=400, n_draws=200)
    statistics = SimpleNamespace(rate_contrasts=lambda sae_id: [elsewhere, row])
    store = sources("lab").store()
    found = judge(
        CLAIMS["more-than-as-many-tokens"],
        Sources(lambda: store, {"statistics": lambda: statistics}),
    )
    assert found.verdict == verdict
    if found.measured is not None:
        assert found.measured.value == pytest.approx(0.32 - (others[0] or 0.0))
        assert found.measured.shown.name == "rates"

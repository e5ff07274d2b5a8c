"""The paper's Figure 7 as a claim: of the grid where it was run, else of the demonstrations."""

from pathlib import Path
from typing import Any

import pytest

from backend.core.claims.judge import judge
from backend.core.claims.measures import Sources
from backend.core.claims.rules import Figure, NotTested, load_claims
from backend.core.companions.experiments.store import ExperimentsStore
from precompute.experiments.publish import publish
from precompute.experiments.result import Result

(CLAIM,) = (claim for claim in load_claims() if claim.measure == "grid_cells")
OUTCOMES = {name: ("share", name) for name in ("success", "shown", "fit")}


def missing() -> Any:
    raise NotTested("no build")


def judged(tmp_path: Path, *results: Result) -> Any:
    path = tmp_path / "b.experiments.duckdb"
    publish(path, results, "abc", {})
    return judge(CLAIM, Sources(missing, {"experiments": lambda: ExperimentsStore(path)}))


def without_a_feature(trait: str) -> Result:
    made = Result("demonstrations", 0, arm={"direction × 1": "one"}, outcome=OUTCOMES)
    made.share("direction × 1", "shown", 90, 100, sae_id="layer_12", layer=12, subject=trait)
    return made


def demonstrated(shares: dict[tuple[str, int], tuple[int, int]]) -> Result:
    """(trait, layer) -> (of ten on the questions to choose on, of 100 on the others)."""
    made = Result("demonstrations", 0, arm={"feature": "one"}, outcome=OUTCOMES)
    for (trait, layer), (fit, shown) in shares.items():
        where: dict[str, Any] = {"sae_id": f"layer_{layer}", "layer": layer, "subject": trait}
        made.share("feature", "fit", fit, 10, **where)
        made.share("feature", "shown", shown, 100, **where)
    return made


def test_without_a_grid_a_trait_is_a_cell_in_the_sae_that_was_chosen(tmp_path: Path) -> None:
    made = demonstrated(
        {
            ("Chinese", 12): (10, 95),
            ("UK", 9): (3, 90),  # would work, was not chosen
            ("UK", 12): (9, 55),  # above one half, its interval is not
            ("Russia", 12): (9, 65),
        }
    )
    found = judged(tmp_path, made)
    assert found.measured is not None
    assert (found.measured.value, found.measured.n) == (pytest.approx(2 / 3), 3)
    assert found.measured.n_unit == "cells, 100 prompts each"
    assert found.measured.shown == Figure("experiments", "demonstrations")
    assert "Chinese, Russia" in found.measured.control
    assert found.verdict == "supported"


def test_the_grid_comes_first(tmp_path: Path) -> None:
    grid = Result("grid", 0, arm={"UK": "one"}, outcome=OUTCOMES)
    grid.share("UK", "success", 1, 60, sae_id="all", layer=None, subject="open")
    found = judged(tmp_path, grid, demonstrated({("Chinese", 12): (10, 95)}))
    assert found.measured is not None
    assert found.verdict == "not supported"
    assert (found.measured.value, found.measured.shown) == (0.0, Figure("experiments", "grid"))


def test_a_trait_that_no_feature_gave_is_a_cell_that_does_not_work(tmp_path: Path) -> None:
    made, none = demonstrated({("Chinese", 12): (10, 95)}), without_a_feature("Russia")
    made.estimate += none.estimate
    made.arm |= none.arm
    found = judged(tmp_path, made)
    assert found.measured is not None
    assert (found.measured.value, found.measured.n) == (0.5, 2)


def test_neither_is_said(tmp_path: Path) -> None:
    answers = Result("answers", 0)
    assert "no grid and no demonstrations" in judged(tmp_path, answers).reason

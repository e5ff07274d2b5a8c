"""The tokens that fire a feature most strongly are in the order of what is shown of them, in a
build that lists no edge of a single firing.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.pages.feature.sections import UNLISTED, firing_tables
from backend.core.companions.served import Build
from backend.core.store.edge_codec import Edges
from backend.routes.browse.feature_view import token_fields
from precompute.features.parts import token_counts

GEMMA = Path(__file__).parents[3] / "precompute/gemma/gemma.duckdb"
SAMPLE = [(sae, i) for sae in ("layer_5", "layer_12") for i in (3447, 983, *range(0, 4096, 500))]


@pytest.fixture(scope="module")
def build() -> Build:
    return Build(None, GEMMA)


def lists_of(build: Build, sae_id: str, index: int) -> dict[str, Any]:
    store, details = build.require(), build.feature_details()
    ordinal, scale = store.place_of(sae_id)
    row = store.feature(sae_id, index)
    assert row is not None
    known = store.token_rows(sorted({*row.top_token_ids, *row.top_by_strength}))
    return {"row": row} | token_fields(store, known, row, details.detail(ordinal, scale, index))


@pytest.mark.parametrize(("sae_id", "index"), SAMPLE)
def test_the_strongest_come_first_by_the_maximum_shown(
    build: Build, sae_id: str, index: int
) -> None:
    found = lists_of(build, sae_id, index)
    shown = [one.act_max for one in found["tokens_by_strength"] if one.act_max is not None]
    assert shown == sorted(shown, reverse=True)
    if shown:
        assert shown[0] == pytest.approx(found["row"].act_max, rel=0.0221)


def test_a_token_without_a_listed_edge_has_its_one_firing_and_no_others_maximum(
    build: Build,
) -> None:
    first, *rest = lists_of(build, "layer_12", 3447)["tokens_by_strength"]
    row = build.require().feature("layer_12", 3447)
    assert row is not None
    assert (first.n_firings, first.act_max) == (1, row.act_max)
    assert all(one.n_firings > 1 and one.act_max for one in rest)
    second = lists_of(build, "layer_5", 983)["tokens_by_strength"][1]
    assert (second.n_firings, second.act_max) == (1, None)


def test_the_job_takes_no_other_edges_numbers_for_an_edge_that_is_not_listed() -> None:
    edges = Edges(
        np.array([1, 3]), np.array([0, 0]), np.array([4, 5]), np.ones(2), np.array([2.0, 1.0])
    )
    row = SimpleNamespace(feature_index=0, top_token_ids=[3, 1, 2], top_by_strength=[2, 1, 9])
    made = token_counts(edges, [row], 8, 1.0)  # type: ignore[list-item]
    assert made["count_firings"] == [[5, 4, 0]]
    assert made["strength_firings"] == [[0, 4, 0]]
    assert [code > 0 for code in made["strength_max"][0]] == [False, True, False]


@pytest.mark.parametrize(("most", "said"), [(None, True), (3.0, False)])
def test_the_page_says_why_a_maximum_is_not_known(most: float | None, said: bool) -> None:
    one = SimpleNamespace(
        token_id=1,
        text="a",
        rank=1,
        token_class="content",
        n_firings=1,
        act_max=most,
        share_of_feature=0.5,
    )
    feature = SimpleNamespace(
        n_firings=2,
        sae_id="l",
        act_max=3.0,
        details_missing=None,
        tokens_by_count=[one],
        tokens_by_strength=[one],
    )
    assert (UNLISTED in str(firing_tables(feature))) == said  # type: ignore[arg-type]

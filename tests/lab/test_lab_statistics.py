"""The shipped statistics belong to the shipped build, and say of it what it says of itself."""

from pathlib import Path

import pytest

from backend.core.companions.file import build_identity, companion_path
from backend.core.companions.statistics.store import StatisticsStore
from backend.core.presets import load_preset
from backend.core.store import Store

ROOM = 2_500_000  # bytes


@pytest.fixture(scope="module")
def build() -> Path:
    return load_preset("lab").build


def test_the_companion_is_of_this_build_and_small(build: Path) -> None:
    path = companion_path(build, "statistics")
    store = Store.open(build)
    StatisticsStore(path).require(build_identity(store.provenance()))
    store.close()
    assert path.stat().st_size <= ROOM


def test_every_layer_has_its_controls(build: Path) -> None:
    store, statistics = Store.open(build), StatisticsStore(companion_path(build, "statistics"))
    assert [row.run for row in statistics.null_runs()] == ["real", "random_weights", "shuffled"]
    for sae in store.saes():
        mine = {row.k: row for row in statistics.equal_occurrence(sae.sae_id) if row.cut is None}
        for row in store.contrasts(sae.sae_id):
            assert mine[row.k].coverage == pytest.approx(row.coverage)
            assert mine[row.k].other_coverage == pytest.approx(row.content_coverage)
        degrees = {row.token_id: row.degree for row in store.coverage(sae.sae_id, max_rank=50).rows}
        excess = {row.token_id: row for row in statistics.excess(sae.sae_id, 50)}
        assert {token_id: row.degree for token_id, row in excess.items()} == degrees
        assert {row.cut for row in statistics.equal_occurrence(sae.sae_id)} == {
            None,
            20,
            30,
            40,
            50,
            60,
        }
        curves = {(row.run, row.rank): row for row in statistics.null_curves(sae.sae_id)}
        assert len({row.rank for row in curves.values()}) * 3 == len(curves)
        assert [row.side for row in statistics.degree_fits(sae.sae_id)] == ["token", "feature"]
    store.close()

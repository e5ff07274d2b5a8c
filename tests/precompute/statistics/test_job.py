"""The whole command on a tiny build:
the companion says what the raw firings say, by another route.
"""

from __future__ import annotations

import shutil
from collections import Counter
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pytest

from backend.core.companions.file import build_identity, companion_path
from backend.core.companions.statistics.store import StatisticsStore
from backend.core.store import Store
from precompute.building.corpus import Shard
from precompute.cli import main
from precompute.statistics.null_models import null_folder, random_model, shuffled
from precompute.statistics.shards import statistics_path
from tests.precompute.conftest import LAYERS, N_SHARDS, SAE_SEED, Made
from tests.tiny import tiny_sae_dir

Raw = dict[str, list[tuple[int, int, float]]]


@pytest.fixture(scope="module")
def work(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished work folder and its build: what is made here stays here."""
    folder = tmp_path_factory.mktemp("statistics")
    shutil.copytree(made.work, folder / "work")
    shutil.copy(made.out, folder / "build.duckdb")
    return folder


def given(work: Path) -> list[str]:
    return ["--build", str(work / "build.duckdb"), "--work", str(work / "work")]


@pytest.fixture(scope="module")
def statistics(work: Path) -> StatisticsStore:
    asked = ["null-models", *given(work), "--shards", "3", "--seed", "5"]
    # the tiny corpus is too small to train SAEs on: what was trained before is taken
    assert main(asked) == 2
    folder = null_folder(work / "work", "random_weights")
    for layer in LAYERS:
        tiny_sae_dir(folder, layer, seed=SAE_SEED + 1)
    assert main(asked) == 0
    assert main(["statistics", *given(work)]) == 0
    return StatisticsStore(companion_path(work / "build.duckdb", "statistics"))


def test_the_companion_belongs_to_the_build(statistics: StatisticsStore, store: Store) -> None:
    statistics.require(build_identity(store.provenance()))
    assert statistics.provenance()["intervals"]["shards"] == N_SHARDS


def test_rarefaction_of_raw_counts(statistics: StatisticsStore, store: Store, raw: Raw) -> None:
    tokens = {row.token_id: row for row in store.tokens(limit=1000)[0]}
    for sae in store.saes():
        counts = Counter((t, f) for t, f, _ in raw[sae.sae_id])
        some = [row.token_id for row in statistics.spread(6)]
        points = statistics.rarefaction(sae.sae_id, some)
        assert {point.token_id for point in points} == set(some)
        for point in points:
            n, total = int(point.n), tokens[point.token_id].occurrences
            mine = [c for (t, _), c in counts.items() if t == point.token_id]
            exact = sum(1 - Fraction(comb(total - c, n), comb(total, n)) for c in mine)
            assert point.expected == pytest.approx(float(exact), abs=0.051)  # stored to one digit
        for row in statistics.excess_of(sae.sae_id, some):
            mine = [c for (t, _), c in counts.items() if t == row.token_id]
            assert row.degree == len(mine)
            once, twice = mine.count(1), mine.count(2)
            assert row.chao1 == pytest.approx(
                len(mine) + once * (once - 1) / (2 * (twice + 1)), abs=0.051
            )
            assert row.excess == pytest.approx(row.degree / row.expected - 1, abs=0.02)


def test_the_comparison_is_the_builds_own(statistics: StatisticsStore, store: Store) -> None:
    for sae in store.saes():
        mine = {row.k: row for row in statistics.equal_occurrence(sae.sae_id) if row.cut is None}
        theirs = store.contrasts(sae.sae_id)
        assert set(mine) == {row.k for row in theirs}
        for row in theirs:
            found = mine[row.k]
            assert (found.coverage, found.occurrences) == (
                pytest.approx(row.coverage),
                row.occurrences,
            )
            assert found.other_coverage == pytest.approx(row.content_coverage)
            assert found.low <= found.coverage <= found.high
        curve = store.coverage(sae.sae_id, theta=sae.theta_grid[1], min_count=5).rows
        for row in statistics.equal_occurrence(sae.sae_id, 1, 5):
            assert row.coverage == pytest.approx(curve[row.k - 1].coverage)


def test_groups_partition_the_tokens(statistics: StatisticsStore, store: Store) -> None:
    seen = [row for row in store.tokens(limit=1000)[0] if row.rank is not None and row.occurrences]
    sae_id = store.saes()[0].sae_id
    kinds = {row.token_group: row for row in statistics.kinds(sae_id)}
    assert kinds["all"].n_tokens == len(seen) == len(statistics.spread())
    assert kinds["function"].n_tokens + kinds["content"].n_tokens == len(seen)
    assert kinds["all"].coverage == 1
    spread = {row.token_id: row for row in statistics.spread()}
    for row in seen:
        assert spread[row.token_id].documents == row.documents
        assert row.documents / spread[row.token_id].expected_documents == pytest.approx(
            spread[row.token_id].evenness, rel=0.1
        )
    slopes = statistics.slopes(sae_id)
    assert [row.name for row in slopes] == ["zipf", "zipf", "degree"]
    assert all(row.low <= row.slope <= row.high for row in slopes)


def test_null_models_count_the_same_tokens(
    statistics: StatisticsStore, store: Store, raw: Raw, work: Path
) -> None:
    runs = {row.run: row for row in statistics.null_runs()}
    assert list(runs) == ["real", "without_giants", "random_weights", "shuffled"]
    assert len({row.positions for row in runs.values()}) == 1
    assert runs["real"].shards == [0, 1, 2]
    for sae in store.saes():
        contrasts = statistics.null_contrasts(sae.sae_id)
        by_run = {run: [row.occurrences for row in contrasts if row.run == run] for run in runs}
        assert by_run["real"] == by_run["shuffled"] == by_run["random_weights"]
        assert all(
            0 < row.covered <= row.n_active <= row.d_sae
            for row in statistics.null_curves(sae.sae_id)
        )
        curve = {
            row.rank: row.covered for row in statistics.null_curves(sae.sae_id) if row.run == "real"
        }
        for row in contrasts:
            if row.run == "real" and row.k in curve:
                n_active = next(
                    c.n_active for c in statistics.null_curves(sae.sae_id) if c.run == "real"
                )
                assert row.coverage == pytest.approx(curve[row.k] / n_active)


def test_a_second_run_makes_the_same_and_only_what_is_lacking(
    work: Path, statistics: StatisticsStore
) -> None:
    before = statistics.query("SELECT * FROM excess ORDER BY sae_id, token_id")
    kept = statistics_path(work / "work", 3).stat().st_mtime_ns
    statistics_path(work / "work", 4).unlink()
    shutil.rmtree(next((work / "work" / "statistics").glob("sae_0*")))
    assert main(["statistics", *given(work)]) == 0
    assert statistics_path(work / "work", 3).stat().st_mtime_ns == kept
    assert statistics.query("SELECT * FROM excess ORDER BY sae_id, token_id") == before


def test_what_does_not_fit_is_refused(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["statistics", "--work", str(work)]) == 2
    assert "give --preset, or --build" in capsys.readouterr().err
    assert main(["statistics", "--build", str(work / "build.duckdb"), "--work", str(tmp_path)]) == 2
    assert "holds no job" in capsys.readouterr().err
    assert main(["null-models", *given(work), "--shards", "99"]) == 2
    assert "--shards is 99; allowed: 2 to 19" in capsys.readouterr().err


def test_shuffling_keeps_every_count_of_every_document() -> None:
    generator = np.random.default_rng(0)
    tokens = generator.integers(1, 9, size=(40, 6))
    lengths, documents = generator.integers(2, 7, size=40), generator.integers(0, 9, size=40)
    tokens[:, 0] = 1  # special, first
    for row, length in zip(tokens, lengths, strict=True):
        row[length:] = 0
    made = shuffled(Shard(tokens, lengths, documents), [1], seed=3)
    assert (made.tokens[:, 0] == 1).all()
    assert ((made.tokens == 1) == (tokens == 1)).all()
    assert ((made.tokens == 0) == (tokens == 0)).all()
    for document in range(9):
        mine = documents == document
        assert sorted(made.tokens[mine].ravel()) == sorted(tokens[mine].ravel())
    assert not np.array_equal(made.tokens, tokens)
    assert np.array_equal(
        made.tokens, shuffled(Shard(tokens, lengths, documents), [1], seed=3).tokens
    )
    alone = documents == 2  # what a document becomes does not hang on its shard
    again = shuffled(Shard(tokens[alone], lengths[alone], documents[alone]), [1], seed=3)
    assert np.array_equal(again.tokens, made.tokens[alone])


def test_random_weights_are_of_the_seed(tiny_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        random_model(tiny_folder / "model", tmp_path / name, seed)
        weights.append(load_file(tmp_path / name / "model.safetensors"))
    first, same, other = weights
    assert all(bool((first[name] == same[name]).all()) for name in first)
    assert any(bool((first[name] != other[name]).any()) for name in first)
    stated = load_file(tiny_folder / "model" / "model.safetensors")
    assert {name: w.shape for name, w in stated.items()} == {
        name: w.shape for name, w in first.items()
    }

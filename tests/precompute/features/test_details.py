"""Details of features: each part against brute force, and the whole job on the tiny build."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.companions.features.store import FeatureDetailStore
from backend.core.companions.file import build_identity, companion_path
from backend.core.lm import LanguageModel
from backend.core.store import Store, StoreInvalid, StoreMissing
from precompute.building.edges import BIN_SHIFT
from precompute.cli import main
from precompute.features.parts import N_NEAR, histograms, nearest
from tests.precompute.conftest import Made

CASES = settings(max_examples=200, deadline=None)
Raw = dict[str, list[tuple[int, int, float]]]


@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=3, max_size=14),
    st.integers(1, 5),
)
@CASES
def test_the_nearest_are_those_of_dense_cosines_ties_by_index(
    rows: list[list[int]], k: int
) -> None:
    made = nearest(torch.tensor(rows, dtype=torch.float32), k)
    W = np.array(rows, dtype=np.float64)
    sizes = np.linalg.norm(W, axis=1)
    cosine = W @ W.T / np.where(np.outer(sizes, sizes) == 0, 1, np.outer(sizes, sizes))
    k = min(k, len(rows) - 1)
    for i in range(len(rows)):
        others = sorted((j for j in range(len(rows)) if j != i), key=lambda j: -cosine[i, j])
        assert made["near_cosine"][i] == pytest.approx(
            [cosine[i, j] * 32767 for j in others[:k]], abs=1
        )
        tied = len(others) > k and abs(cosine[i, others[k - 1]] - cosine[i, others[k]]) < 1e-6
        assert made["near_tied"][i] == tied
        if tied:
            last = cosine[i, others[k - 1]]
            above = {j for j in others if cosine[i, j] > last + 1e-6}
            level = sorted(j for j in others if abs(cosine[i, j] - last) <= 1e-6)
            assert set(made["near_index"][i][: len(above)]) == above
            assert made["near_index"][i][len(above) :] == level[: k - len(above)]
        assert len(set(made["near_index"][i]) - {i}) == k


activations = st.lists(
    st.tuples(st.integers(0, 5), st.floats(0.0078125, 90, width=32)), max_size=40
)


@given(st.lists(activations, min_size=1, max_size=3))
@CASES
def test_a_histogram_counts_every_firing_in_the_octave_quarter_it_belongs_to(
    tmp_path_factory: pytest.TempPathFactory, shards: list[list[tuple[int, float]]]
) -> None:
    folder = tmp_path_factory.mktemp("bins")
    for i, shard in enumerate(shards):
        bins = (np.array([a for _, a in shard], np.float32).view(np.uint32) >> BIN_SHIFT).astype(
            np.uint16
        )
        features = pa.array([f for f, _ in shard], pa.uint32())
        columns = {
            "sae_ordinal": pa.array([1] * len(shard), pa.uint8()),
            "feature_index": features,
            "bin": bins,
        }
        pq.write_table(
            pa.table({**columns, "n": pa.array([1] * len(shard), pa.int64())}),
            folder / f"{i}.parquet",
        )
    made = histograms(sorted(folder.glob("*.parquet")), 1, 6)
    shutil.rmtree(folder)
    for feature in range(6):
        own = [a for shard in shards for f, a in shard if f == feature]
        assert sum(made["hist"][feature]) == len(own)
        low = made["hist_first"][feature]
        for place, n in enumerate(made["hist"][feature]):
            start, stop = 2.0 ** ((low + place) / 4), 2.0 ** ((low + place + 1) / 4)
            inside = sum(start * 1.016 < a < stop / 1.016 for a in own)
            near = sum(start / 1.016 <= a <= stop * 1.016 for a in own)
            assert inside <= n <= near


@pytest.fixture(scope="module")
def details(made: Made, tiny_folder: Path) -> Iterator[FeatureDetailStore]:
    """What the command writes beside the tiny build."""
    assert main(["feature-details", *command(made, tiny_folder)]) == 0
    path = companion_path(made.out, "features")
    yield FeatureDetailStore(path)
    path.unlink()


def command(made: Made, tiny_folder: Path) -> list[str]:
    given_saes = [str(part) for sae in made.saes for part in ("--sae", sae.folder)]
    return [
        "--model",
        str(tiny_folder / "model"),
        *given_saes,
        "--build",
        str(made.out),
        "--work",
        str(made.work),
    ]


def test_histograms_sum_to_the_firings_and_classes_to_their_halves(
    details: FeatureDetailStore, store: Store, raw: Raw
) -> None:
    function = {row.token_id for row in store.tokens(token_class="function", limit=10_000)[0]}
    positions = store.positions_by_class()
    assert details.positions() == (positions["function"], positions["content"])
    for sae in store.saes():
        ordinal, scale = store.place_of(sae.sae_id)
        n, at_function = np.zeros(sae.d_sae, int), np.zeros(sae.d_sae, int)
        for token, feature, _ in raw[sae.sae_id]:
            n[feature] += 1
            at_function[feature] += token in function
        for feature in range(sae.d_sae):
            one = details.detail(ordinal, scale, feature)
            assert (sum(one.hist), one.n_function) == (n[feature], at_function[feature])
        lifted = details.lifts(ordinal, store.feature_columns(sae.sae_id))
        active = np.flatnonzero(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = at_function / positions["function"], (n - at_function) / positions["content"]
            expected = (rates[0] / rates[1])[active]
        assert lifted.value == pytest.approx(expected)
        assert (lifted.low <= lifted.value).all()
        assert (lifted.value <= lifted.high).all()


def test_the_token_lists_have_the_counts_of_their_edges(
    details: FeatureDetailStore, store: Store, raw: Raw
) -> None:
    sae = store.saes()[1]
    ordinal, scale = store.place_of(sae.sae_id)
    for row in store.features(sae.sae_id, range(sae.d_sae)):
        one = details.detail(ordinal, scale, row.feature_index)
        own = [(t, a) for t, f, a in raw[sae.sae_id] if f == row.feature_index]
        for tokens, firings, most in (
            (row.top_token_ids, one.count_firings, one.count_max),
            (row.top_by_strength, one.strength_firings, one.strength_max),
        ):
            assert firings == [sum(t == token for t, _ in own) for token in tokens]
            assert most == pytest.approx(
                [max(a for t, a in own if t == token) for token in tokens], rel=0.023
            )


def test_effects_are_the_decoder_row_through_norm_gain_and_unembedding(
    details: FeatureDetailStore, store: Store, made: Made, lm: LanguageModel
) -> None:
    sae = made.saes[0]
    ordinal, scale = store.place_of(sae.sae_id)
    gain = (1 + lm.model.model.norm.weight).detach()  # Gemma stores the gain less one
    W_U = lm.model.lm_head.weight.detach()
    for row in store.search_features(sae.sae_id, limit=20)[0]:
        effect = W_U @ (gain * sae.W_dec[row.feature_index])
        one = details.detail(ordinal, scale, row.feature_index)
        assert one.promoted_effect == pytest.approx(
            effect[row.promoted_token_ids].tolist(), abs=2e-3
        )
        assert one.suppressed_effect == pytest.approx(
            effect[row.suppressed_token_ids].tolist(), abs=2e-3
        )
        assert len(one.near_index) == len(one.near_cosine) == N_NEAR


def test_examples_fire_at_the_token_that_they_were_chosen_for(
    details: FeatureDetailStore, store: Store, made: Made, lm: LanguageModel
) -> None:
    sae, seen = made.saes[1], 0
    ordinal, scale = store.place_of(sae.sae_id)
    for feature in range(sae.d_sae):
        for example in details.detail(ordinal, scale, feature).examples:
            tokens = store.sequences([example.sequence_id])[example.sequence_id]
            assert tokens[example.peak] == example.token_id
            dense = sae.encode_dense(lm.forward([tokens], [sae.layer]).resid[sae.layer][0])[
                :, feature
            ]
            shown = example.as_example(tokens, scale)
            assert shown.activations[1:] == pytest.approx(dense.tolist()[1:], rel=0.023, abs=1e-3)
            seen += 1
    assert seen > 20


def test_it_is_written_once_and_belongs_to_its_build(
    details: FeatureDetailStore, made: Made, store: Store, tiny_folder: Path, tmp_path: Path
) -> None:
    details.require(build_identity(store.provenance()))
    with pytest.raises(StoreInvalid, match="feature-details"):
        details.require("another")
    with pytest.raises(StoreMissing, match="feature-details"):
        FeatureDetailStore(tmp_path / "none.duckdb").provenance()
    with pytest.raises(StoreInvalid, match="lacks feature 9999"):
        details.detail(0, 1.0, 9999)
    finished = sorted((made.work / "feature-details").rglob("*.parquet"))
    before = [path.stat().st_mtime_ns for path in finished]
    assert main(["feature-details", *command(made, tiny_folder)]) == 0
    assert [path.stat().st_mtime_ns for path in finished] == before


def test_a_work_folder_of_another_build_is_refused(
    made: Made, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given_command = command(made, tiny_folder)[:-1]
    assert main(["feature-details", *given_command, str(tmp_path)]) == 2
    assert "use the build's own" in capsys.readouterr().err
    work = tmp_path / "work"
    for kind in ("bins", "edges"):
        shutil.copytree(made.work / kind, work / kind)
    (work / "bins" / "shard_00000.parquet").unlink()
    (work / "edges" / "shard_00000.parquet").unlink()
    assert main(["feature-details", *given_command, str(work)]) == 2
    assert "counted other firings" in capsys.readouterr().err

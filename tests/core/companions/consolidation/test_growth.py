"""Counts along training: intervals by leaving out a shard, edges by class,
the choice of k, stage labels.
"""

import numpy as np
import pytest

from backend.core.companions.consolidation.codec import nats, pack, quantised, unpack
from backend.core.companions.consolidation.growth import jackknife
from backend.core.companions.consolidation.rows import Cut, find_cut
from backend.core.companions.consolidation.stages import Limits, StageNumbers, stage_of
from precompute.consolidation.cells import make_vocabulary
from precompute.consolidation.feature_tables import lone_features, rank_points, sae_row
from precompute.consolidation.features import choose_k

LIMITS = Limits(uniform=9.0, unigram=7.0)
CUT = Cut("0.40", 2, 0, ())


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(5, 2, 40)
    without = (values.sum() - values) / 39
    low, high = jackknife(float(values.mean()), without)
    error = values.std(ddof=1) / np.sqrt(40)
    assert (high - low) / 2 == pytest.approx(1.959964 * error)
    assert (low + high) / 2 == pytest.approx(values.mean())


def test_lone_features_by_hand() -> None:
    # feature 0 fires in shards 1 and 2, feature 3 in shard 2 twice, feature 5 in shard 19
    lone = lone_features(np.array([0, 0, 3, 3, 5]), np.array([1, 2, 2, 2, 19]))
    assert lone.tolist() == [0, 0, 1, *[0] * 16, 1]


def test_a_row_of_saes_counts_edges_once() -> None:
    # vocabulary: special, a x 60, b x 30, c x 10; pairs are token * d_sae + feature
    vocabulary = make_vocabulary(np.array([0, 60, 30, 10]), [0], ["<s>", "a", ",", "c"])
    points = rank_points(vocabulary)
    pairs = np.array([1 * 4 + 0, 1 * 4 + 0, 2 * 4 + 0, 2 * 4 + 2, 3 * 4 + 3])
    found = {
        "pairs": pairs,
        "shard": np.array([0, 1, 1, 1, 2]),
        "d_sae": np.array(4),
        "recipe": np.array("fixed"),
        "positions": np.array(10),
        "step": np.array(1),
        "layer": np.array(0),
        "k": np.array(1.0),
        "seed": np.array(0),
        "n_firings": np.array(7),
        "loss": np.array(1.0),
        "loss_zeroed": np.array(2.0),
        "loss_reconstructed": np.array(1.5),
    }
    row = sae_row(0, "x", found, vocabulary, points)
    assert points.tolist() == [1, 2, 3]
    assert row["n_features"] == 3
    assert row["covered"] == [1, 2, 3]
    assert row["edges"] == [1, 3, 4]
    assert row["kind_edges"] == [2, 2, 0, 0]
    assert row["lone_features"][:3] == [0, 1, 1]
    lone = unpack(row["lone_edges"], "uint32", 20, len(vocabulary.edges), 4)
    assert lone.sum(axis=(1, 2))[:3].tolist() == [0, 2, 1]


def test_k_is_interpolated_in_its_logarithm() -> None:
    scores = {8.0: 0.6, 16.0: 0.7, 32.0: 0.9}
    assert choose_k(scores, 0.65, 1, 100) == pytest.approx(8 * 2**0.5, abs=0.01)
    assert choose_k(scores, 0.8, 1, 100) == pytest.approx(16 * 2**0.5, abs=0.01)
    # beyond the probes, along the nearest two
    assert choose_k(scores, 0.5, 1, 100) == pytest.approx(4.0)
    assert choose_k(scores, 0.5, 6, 100) == 6  # and no further than allowed
    assert choose_k(scores, 0.95, 1, 100) == pytest.approx(32 * 2**0.25, abs=0.01)
    assert choose_k({8.0: 0.6, 16.0: 0.6}, 0.9, 2, 64) == 64


def numbers(function: int, other: int, gain: float) -> StageNumbers:
    predicted = np.zeros((3, 4), np.int64)
    # the last is a special token
    predicted[0, 1], predicted[1, 0], predicted[2, 0] = function, other, 1
    short = np.full(20, 3.0 + gain)
    return StageNumbers(0, 1, predicted, 3, short, np.full(20, 3.0), np.full(20, 10))


@pytest.mark.parametrize(
    ("loss", "function", "gain", "stage"),
    [
        (8.1, 99, 1.0, "random"),
        (7.9, 95, 1.0, "function_tokens"),
        (7.9, 80, 0.2, "local_phrases"),
        (3.0, 80, 0.3, "long_range"),
    ],
)
def test_stages_by_their_rule(loss: float, function: int, gain: float, stage: str) -> None:
    assert stage_of(numbers(function, 99 - function, gain), CUT, loss, LIMITS) == stage


def test_a_predicted_special_token_is_no_function_token() -> None:
    assert numbers(90, 9, 0.0).function_share(CUT) == pytest.approx(0.90)
    assert numbers(90, 9, 0.0).function_share(Cut("closed", 3, None, (1, 0))) == pytest.approx(0.99)


def test_codec_keeps_what_it_says() -> None:
    values = np.random.default_rng(1).uniform(0, 31.9, (3, 5))
    assert np.abs(nats(quantised(values)) - values).max() <= 2**-12
    assert (unpack(pack(values), "float64", 3, 5) == values).all()
    with pytest.raises(ValueError, match=r"31\.99 can be kept"):
        quantised(np.array([40.0]))


def test_a_cut_by_either_spelling() -> None:
    assert find_cut([CUT], "0.4") is CUT
    with pytest.raises(ValueError, match=r"these results hold 0\.40"):
        find_cut([CUT], "0.5")

import numpy as np
import pytest

from backend.core.lm import LanguageModel
from backend.core.store import Store
from precompute.building.examples import PER_QUANTILE, TextFirings, choose, sample_texts
from tests.precompute.conftest import Made


def test_texts_come_from_the_model_and_the_seed(lm: LanguageModel) -> None:
    first, again, other = (sample_texts(lm, 5, seed) for seed in (1, 1, 2))
    assert first.tokens.tolist() == again.tokens.tolist() != other.tokens.tolist()
    assert (first.tokens[:, 0] == lm.bos_id).all()
    used = first.used()
    used[:, 0] = False
    assert not np.isin(first.tokens[used], list(lm.special_ids)).any()


def test_choosing_by_hand() -> None:
    # feature 4 fires in texts 0 to 19 with peak = text number; twice in text 19
    sequence = np.array([*range(20), 19])
    position = np.array([*[3] * 20, 1])
    activation = np.array([*range(1, 21), 5], dtype=np.float32)
    chosen = choose(TextFirings(np.full(21, 4), sequence, position, activation))
    assert chosen.sequence_id.tolist() == [19, 18, 17, 16, 15, 14, 9, 2]
    assert chosen.quantile.tolist() == sorted(chosen.quantile.tolist(), reverse=True)
    assert chosen.n_positions.tolist() == [2, 1, 1, 1, 1, 1, 1, 1]
    assert (chosen.positions[:2].tolist(), chosen.activations[:2].tolist()) == ([1, 3], [5.0, 20.0])
    assert chosen.peak.tolist() == [3] * 8


def test_examples_carry_the_live_activations(store: Store, made: Made, lm: LanguageModel) -> None:
    sae = made.saes[0]
    features = [row.feature_index for row in store.search_features(sae.sae_id, limit=5)[0]]
    for feature in features:
        examples = store.examples(sae.sae_id, feature)
        assert 1 <= len(examples) <= sum(n for _, n in PER_QUANTILE)
        for example in examples:
            assert example.source == "sampled from the model"
            resid = lm.resid_post([example.token_ids], [sae.layer])[sae.layer][0]
            live = sae.feature_activation(resid, feature).clone()
            live[0] = 0.0  # BOS is special, and never counted
            assert example.activations == pytest.approx(live.tolist(), rel=0.0221)
            assert example.activation == max(example.activations)
            assert example.activations[example.position] == example.activation


def test_promoted_tokens_are_those_of_the_unembedding(
    store: Store, made: Made, lm: LanguageModel
) -> None:
    sae = made.saes[1]
    row = store.search_features(sae.sae_id, limit=1)[0][0]
    effect = lm.unembed_direction(sae.decoder_rows([row.feature_index]))[0].clone()
    special = list(lm.special_ids)
    effect[special] = -1e9
    assert row.promoted_token_ids == effect.topk(10).indices.tolist()
    effect[special] = 1e9
    assert row.suppressed_token_ids == (-effect).topk(10).indices.tolist()

"""Fused attention against the step-by-step one, wherever a mask makes a difference;
and who may have it.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, DynamicCache, StaticCache

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.prefill import prefill
from tests.tiny import N_LAYERS, PAD, SLIDING_WINDOW, tiny_model_dir, tiny_tokenizer

LAYERS = range(N_LAYERS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_dir(tmp_path_factory.mktemp("uncapped"), attn_logit_softcapping=None)


@pytest.fixture(scope="module")
def fused(folder: Path) -> LanguageModel:
    lm = LanguageModel.load(folder)
    assert lm.model.config._attn_implementation == "sdpa"
    return lm


@pytest.fixture(scope="module")
def eager(folder: Path) -> LanguageModel:
    lm = LanguageModel(AutoModelForCausalLM.from_pretrained(folder), tiny_tokenizer())
    lm.model.set_attn_implementation("eager")
    return lm


@pytest.fixture(scope="module")
def tokens() -> Tensor:
    drawn = torch.randint(
        3, 300, (3, 3 * SLIDING_WINDOW), generator=torch.Generator().manual_seed(0)
    )
    drawn[:, 0] = 2
    return drawn


def assert_same(found: Tensor, expected: Tensor) -> None:
    """To 1e-5 of the largest value."""
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


def test_past_the_sliding_window(
    fused: LanguageModel, eager: LanguageModel, tokens: Tensor
) -> None:
    found, expected = (lm.forward(tokens, LAYERS) for lm in (fused, eager))
    assert_same(found.logits, expected.logits)
    for layer in LAYERS:
        assert_same(found.resid[layer], expected.resid[layer])


def test_padding_on_the_left(fused: LanguageModel, eager: LanguageModel, tokens: Tensor) -> None:
    mask = torch.ones_like(tokens)
    for row, pads in enumerate((0, 3, SLIDING_WINDOW + 2)):
        mask[row, :pads] = 0
    padded = torch.where(mask.bool(), tokens, PAD)
    found, expected = (lm.resid_post(padded, LAYERS, attention_mask=mask) for lm in (fused, eager))
    for layer in LAYERS:
        assert found[layer].isfinite().all()
        assert_same(found[layer][mask.bool()], expected[layer][mask.bool()])


@pytest.mark.parametrize("kind", ["with sliding layers", "whole", "static"])
def test_with_a_cache(
    fused: LanguageModel, eager: LanguageModel, tokens: Tensor, kind: str
) -> None:
    """The prompt in two pieces, then token by token, past the window:
    what eager gives, and recomputation.
    """
    first = SLIDING_WINDOW // 2
    steps = [
        (0, first),
        (first, 2 * first + 3),
        *((at, at + 1) for at in range(2 * first + 3, tokens.shape[1])),
    ]
    whole = eager.forward(tokens).logits
    for lm in (fused, eager):
        config = lm.model.config
        cache = {
            "with sliding layers": lambda config=config: DynamicCache(config=config),
            "whole": DynamicCache,
            "static": lambda config=config: StaticCache(config=config, max_cache_len=40),
        }[kind]()
        for start, stop in steps:
            assert_same(
                lm.forward(tokens[:, start:stop], past_key_values=cache).logits,
                whole[:, start:stop],
            )


def test_rows_of_a_batch_do_not_see_each_other(fused: LanguageModel, tokens: Tensor) -> None:
    """Equal rows give equal bits: an arm without interventions is the baseline."""
    logits = fused.forward(tokens[[0, 1, 0]]).logits
    assert torch.equal(logits[0], logits[2])


def test_frozen_attention_is_the_same(
    fused: LanguageModel, eager: LanguageModel, saes: dict[str, Sae], tokens: Tensor
) -> None:
    plan = [Intervention.on_feature(saes["layer_0"], 7, "add", 9.0, positions=(5,))]
    ids = tokens[0].tolist()
    found, expected = (
        prefill(lm, ids, [[], plan], freeze_attention=True).log_probs for lm in (fused, eager)
    )
    assert_same(found, expected)
    assert not torch.allclose(found[1], prefill(fused, ids, [[], plan]).log_probs[1], atol=1e-3)


def test_a_model_that_caps_its_scores_is_left_alone(lm: LanguageModel) -> None:
    assert lm.model.config.attn_logit_softcapping is not None
    assert lm.model.config._attn_implementation.endswith("eager")

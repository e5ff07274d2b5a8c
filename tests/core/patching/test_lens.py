"""Residuals in words: against the model's own logits, and against a full sort."""

import pytest
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past
from backend.core.patching import read_words, unembed
from backend.core.patching.lens import BLOCK, largest
from tests.core.patching.plain import Plain
from tests.tiny import N_LAYERS, tiny_tokenizer


def test_after_the_last_layer_it_is_what_the_model_says(
    lm: LanguageModel, plain: Plain, b: list[int]
) -> None:
    found = read_words(lm, b, [len(b) - 1], k=5, watched=[61])
    logits, _ = plain.run(b)
    best = logits.softmax(-1).topk(5)
    assert found.layers == tuple(range(N_LAYERS))
    assert found.token_ids[-1, 0].tolist() == best.indices.tolist()
    torch.testing.assert_close(found.probabilities[-1, 0], best.values, atol=1e-5, rtol=1e-4)
    assert int(found.watched_ranks[-1, 0, 0]) == 1 + int((logits > logits[61]).sum())
    assert float(found.watched_probabilities[-1, 0, 0]) == pytest.approx(
        float(logits.softmax(-1)[61]), rel=1e-3
    )


def test_earlier_layers_go_through_the_final_norm_and_the_cap(
    lm: LanguageModel, plain: Plain, b: list[int]
) -> None:
    _, seen = plain.run(b)
    found = read_words(lm, b, [3, 9], layers=[2, 0], k=4)
    assert found.token_ids.shape == (2, 2, 4)
    assert found.watched_ranks.shape == (2, 2, 0)
    for row, layer in enumerate([2, 0]):
        for column, position in enumerate([3, 9]):
            normed = plain.model.model.norm(seen[layer][position])
            logits = 30.0 * torch.tanh(plain.model.lm_head(normed) / 30.0)
            best = logits.softmax(-1).topk(4)
            assert found.token_ids[row, column].tolist() == best.indices.tolist()
            torch.testing.assert_close(
                found.probabilities[row, column], best.values, atol=1e-5, rtol=1e-3
            )


def test_behind_a_prefix_that_was_run_the_rest_alone_is_run_and_reads_the_same(
    lm: LanguageModel, b: list[int]
) -> None:
    ran: list[int] = []
    cache = DynamicCache()
    lm.fill(torch.tensor([b[:6]]), cache)
    past = Past.of(tuple(b[:6]), cache)
    handle = lm.layers[0].register_forward_pre_hook(lambda m, x: ran.append(x[0].shape[1]))
    try:
        found = read_words(lm, b, [7, 8], k=5, watched=[61], past=past)
    finally:
        handle.remove()
    assert ran == [3]
    whole = read_words(lm, b, [7, 8], k=5, watched=[61])
    assert torch.equal(found.token_ids, whole.token_ids)
    assert torch.equal(found.watched_ranks, whole.watched_ranks)
    torch.testing.assert_close(found.probabilities, whole.probabilities, atol=1e-6, rtol=1e-4)
    with pytest.raises(ValueError, match="one or more of 6 to"):
        read_words(lm, b, [5], past=past)


def test_layers_beyond_the_deepest_and_tokens_behind_are_not_run(
    lm: LanguageModel, b: list[int]
) -> None:
    ran: list[int] = []
    handles = [
        layer.register_forward_pre_hook(lambda m, x: ran.append(x[0].shape[1]))
        for layer in lm.layers
    ]
    try:
        read_words(lm, b, [4], layers=[1], k=1)
    finally:
        for handle in handles:
            handle.remove()
    assert ran == [5, 5]


@pytest.mark.parametrize("width", [100, 40 * BLOCK, 40 * BLOCK + 77])
def test_the_largest_are_those_of_a_full_sort(width: int) -> None:
    logits = torch.randn(3, width, generator=torch.Generator().manual_seed(1))
    logits[0, -1] = 9.0  # behind the last whole block
    logits[1, :10] = torch.arange(10) + 5.0  # all in one block
    values, columns = largest(logits, 10)
    expected = logits.sort(-1, descending=True)
    assert torch.equal(values, expected.values[:, :10])
    assert torch.equal(columns, expected.indices[:, :10])


def test_a_model_that_does_more_to_its_logits_is_refused_and_an_unknown_plain_one_is_read() -> None:
    class Unheard(LlamaForCausalLM):
        pass

    class Scaled(LlamaForCausalLM):
        def forward(self, *args, **kwargs):
            made = super().forward(*args, **kwargs)
            made.logits = 3.0 * made.logits
            return made

    shape = {"vocab_size": 335, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
    config = LlamaConfig(num_attention_heads=2, **shape)
    lm = LanguageModel(Unheard(config), tiny_tokenizer())
    forward = lm.forward([[2, 7, 9]], [1])
    torch.testing.assert_close(
        unembed(lm, forward.resid[1][0]), forward.logits[0], atol=1e-5, rtol=1e-5
    )
    with pytest.raises(ValueError, match="cannot be read in words"):
        read_words(LanguageModel(Scaled(config), tiny_tokenizer()), [2, 7, 9], [1])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"positions": []}, "positions are"),
        ({"positions": [99]}, "positions are"),
        ({"positions": [1], "k": 10**6}, "k is 1000000"),
        ({"positions": [1], "watched": [-1]}, "token_id is -1"),
        ({"positions": [1], "layers": [4]}, "layer is 4"),
    ],
)
def test_what_is_not_there_is_refused(
    lm: LanguageModel, b: list[int], asked: dict, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read_words(lm, b, **asked)

"""Going on from after a layer is the whole forward with the same edits, in every family of
models."""

from pathlib import Path

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.patching import Trunk
from backend.core.sae import Sae
from tests.core.patching.plain import Plain
from tests.tiny import N_LAYERS, tiny_tokenizer

SHAPE = {
    "vocab_size": 335,
    "max_position_embeddings": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
}
FAMILIES = {
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=335, n_positions=64, n_embd=32, n_layer=4, n_head=4)
    ),
    "neox": lambda: GPTNeoXForCausalLM(
        GPTNeoXConfig(num_hidden_layers=4, num_attention_heads=4, **SHAPE)
    ),
    "llama": lambda: LlamaForCausalLM(
        LlamaConfig(num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, **SHAPE)
    ),
}


def state(lm: LanguageModel) -> torch.Tensor:
    return torch.randn(1, lm.d_model, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("start", [0, 5, 16])
def test_every_layer_and_start_equals_a_plain_hook(
    lm: LanguageModel, plain: Plain, b: list[int], start: int
) -> None:
    trunk = Trunk(lm, b, start)
    base, seen = plain.run(b)
    for layer in range(N_LAYERS):
        torch.testing.assert_close(trunk.resid[layer], seen[layer][start:], atol=1e-4, rtol=1e-4)
        rows = [
            [],
            *[[Intervention.replacing(layer, (p,), state(lm))] for p in range(start, len(b))],
        ]
        found = lm.model.lm_head(lm.final_norm(trunk.after(layer, rows)))
        found = 30.0 * torch.tanh(found / 30.0)  # the soft cap of Gemma 2
        torch.testing.assert_close(found[0], base, atol=1e-3, rtol=1e-3)
        for row, position in enumerate(range(start, len(b)), start=1):
            expected, _ = plain.run(b, {layer: {position: state(lm)[0]}})
            torch.testing.assert_close(found[row], expected, atol=1e-3, rtol=1e-3)


def test_deeper_edits_of_every_mode_act_on_the_way(
    lm: LanguageModel, saes: dict[str, Sae], b: list[int]
) -> None:
    edits = [
        Intervention.replacing(1, (9,), state(lm)),
        Intervention.on_feature(saes["layer_2"], 7, "clamp", 9.0, positions=(12, 14)),
        Intervention.on_feature(saes["layer_3"], 3, "add", 5.0, positions=(len(b) - 1,)),
    ]
    with lm.intervening([edits], prompt_length=len(b)):
        whole = lm.resid_post([b], [N_LAYERS - 1])[N_LAYERS - 1][0, -1]
    found = Trunk(lm, b, 8).after(1, [[], edits])
    torch.testing.assert_close(found[1], whole, atol=1e-4, rtol=1e-4)
    assert (found[1] - found[0]).abs().max() > 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_other_families_go_on_as_they_would_have_run(family: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lm = LanguageModel(FAMILIES[family](), tiny_tokenizer())
    ids = [2, 7, 8, 9, 40, 41, 42, 43]
    for layer in range(4):
        edits = [Intervention.replacing(layer, (5,), 3.0 * state(lm))]
        with lm.intervening([edits], prompt_length=len(ids)):
            expected = lm.resid_post([ids], [3])[3][0, -1]
        found = Trunk(lm, ids, 4).after(layer, [edits, []])
        torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            found[1], lm.resid_post([ids], [3])[3][0, -1], atol=1e-5, rtol=1e-5
        )


def test_layers_up_to_the_edit_are_not_run_again(lm: LanguageModel, b: list[int]) -> None:
    trunk = Trunk(lm, b, 4)
    ran: list[tuple[int, tuple[int, ...]]] = []
    handles = [
        layer.register_forward_pre_hook(
            lambda m, args, i=i: ran.append((i, tuple(args[0].shape[:2])))
        )
        for i, layer in enumerate(lm.layers)
    ]
    try:
        trunk.after(1, [[], [], []])
    finally:
        for handle in handles:
            handle.remove()
    assert ran == [(layer, (3, len(b) - 4)) for layer in range(2, N_LAYERS)]


def test_a_cache_of_the_whole_serves_a_later_start(lm: LanguageModel, b: list[int]) -> None:
    first = Trunk(lm, b, 3)
    again = Trunk(lm, b, 12, before=first.cache)
    torch.testing.assert_close(again.last, first.last, atol=1e-5, rtol=1e-5)
    edits = [[Intervention.replacing(0, (13,), state(lm))]]
    torch.testing.assert_close(again.after(0, edits), first.after(0, edits), atol=1e-4, rtol=1e-4)


def test_an_edit_that_the_run_is_past_is_refused(
    lm: LanguageModel, b: list[int], tiny_folder: Path
) -> None:
    trunk = Trunk(lm, b, 5)
    for layer, position in ((0, 9), (2, 4)):
        with pytest.raises(
            ValueError, match="this run can be edited after layer 1 and deeper, from position 5 on"
        ):
            trunk.after(1, [[Intervention.replacing(layer, (position,), state(lm))]])
    with pytest.raises(ValueError, match="start is 99"):
        Trunk(lm, b, 99)

"""Frozen attention against an explicit reference:
the baseline's probabilities put into the steered row.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backend.core.lm import LanguageModel
from backend.core.lm.frozen_attention import frozen
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.generate import generate_arms
from backend.core.steering.prefill import prefill
from tests.tiny import SLIDING_WINDOW

TEXT = "The cat sat on the mat.\nWhat is the capital of the UK?\n"


@pytest.fixture(scope="module")
def ids(lm: LanguageModel) -> list[int]:
    ids = lm.tokenize(TEXT)
    assert len(ids) > 2 * SLIDING_WINDOW
    return ids


def steering(saes: dict[str, Sae], positions: Sequence[int]) -> list[Intervention]:
    return [Intervention.on_feature(saes["layer_0"], 7, "add", 9.0, positions=tuple(positions))]


def reference(lm: LanguageModel, ids: list[int], plan: list[Intervention]) -> Tensor:
    """log-probabilities [vocab] of the steered arm, its attention computed by hand in every layer.

    The baseline's probabilities come from transformers' own `output_attentions`.
    """
    lm.model.set_attn_implementation("eager")
    patterns = lm.model(torch.tensor([ids]), output_attentions=True, use_cache=False).attentions
    originals: list[Callable[..., Any]] = []

    def by_hand(module: nn.Module, pattern: Tensor) -> Callable[..., Any]:
        def forward(hidden_states: Tensor, **_: Any) -> tuple[Tensor, Tensor]:
            n, length, _width = hidden_states.shape
            value = (
                module.v_proj(hidden_states).view(n, length, -1, module.head_dim).transpose(1, 2)
            )
            mixed = torch.stack(
                [
                    pattern[0, head] @ value[0, head // module.num_key_value_groups]
                    for head in range(4)
                ],
                dim=1,
            )
            return module.o_proj(mixed.reshape(1, length, -1)), pattern

        return forward

    try:
        for layer, pattern in zip(lm.layers, patterns, strict=True):
            originals.append(layer.self_attn.forward)
            layer.self_attn.forward = by_hand(layer.self_attn, pattern)
        with lm.intervening([plan], prompt_length=len(ids)):
            return lm.forward([ids]).logits[0, -1].log_softmax(-1)
    finally:
        for layer, original in zip(lm.layers, originals, strict=True):
            layer.self_attn.forward = original


@pytest.mark.parametrize("positions", [(3,), (2, 9), (-1,)])
def test_the_steered_arm_attends_as_the_baseline_does(
    lm: LanguageModel, saes: dict[str, Sae], ids: list[int], positions: tuple[int, ...]
) -> None:
    plan = steering(saes, [p % len(ids) for p in positions])
    expected = reference(lm, ids, plan)
    found = prefill(lm, ids, [[], plan], freeze_attention=True).log_probs
    free = prefill(lm, ids, [[], plan]).log_probs
    assert torch.allclose(found[1], expected, atol=1e-5)
    assert torch.allclose(found[0], free[0], atol=1e-5)
    # or the option would change nothing here
    assert not torch.allclose(free[1], expected, atol=1e-3)


def test_an_empty_arm_is_the_baseline_bit_for_bit(
    lm: LanguageModel, saes: dict[str, Sae], ids: list[int]
) -> None:
    plan = steering(saes, [4])
    found = prefill(lm, ids, [[], plan, [], plan], freeze_attention=True).log_probs
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[3])
    assert not torch.equal(found[0], found[1])


def test_outside_the_block_nothing_changes(
    lm: LanguageModel, saes: dict[str, Sae], ids: list[int]
) -> None:
    lm.model.set_attn_implementation("eager")
    before = prefill(lm, ids, [[], steering(saes, [4])]).log_probs
    with frozen(lm.model):
        pass
    assert lm.model.config._attn_implementation == "freezable_eager"
    assert torch.equal(prefill(lm, ids, [[], steering(saes, [4])]).log_probs, before)


def test_generated_tokens_attend_freely(
    lm: LanguageModel, saes: dict[str, Sae], ids: list[int]
) -> None:
    """After a frozen prompt the text goes on from the arm's own cache:
    recomputed by hand, step by step.
    """
    plan = steering(saes, [len(ids) - 1])
    start = prefill(lm, ids, [[], plan], freeze_attention=True)
    first = int(start.log_probs[1].argmax())
    steps = [
        s for s in generate_arms(lm, ids, [[], plan], max_new_tokens=2, start=start) if s.arm == 1
    ]
    again = prefill(lm, ids, [[], plan], freeze_attention=True)
    step = torch.tensor([[int(again.log_probs[0].argmax())], [first]])
    logits = lm.forward(step, past_key_values=again.cache).logits[1, -1]
    assert steps[0].token_id == first
    assert steps[1].token_id == int(logits.argmax())
    assert steps[1].probability == pytest.approx(float(logits.softmax(-1).max()), abs=1e-6)


def test_attention_that_shows_no_probabilities_is_refused(
    lm: LanguageModel, ids: list[int], monkeypatch
) -> None:
    monkeypatch.setattr(lm.model.config, "_attn_implementation_internal", "flash_attention_2")
    with pytest.raises(ValueError, match="flash_attention_2"):
        prefill(lm, ids, [[], []], freeze_attention=True)

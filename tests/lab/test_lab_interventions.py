"""The promises of interventions on the shipped lab model:
what the tiny model promises, on trained weights.
"""

import pytest
import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.generate import generate_arms
from backend.core.steering.prefill import prefill
from precompute.lab.questions import LAB

PROMPT = "Can you tell me what the capital of Russia is?\n"
LAYER = 5


@pytest.fixture(scope="module")
def lab() -> LanguageModel:
    return LanguageModel.load(LAB / "model")


@pytest.fixture(scope="module")
def sae() -> Sae:
    return Sae.load(LAB / "saes" / f"layer_{LAYER}")


@pytest.fixture(scope="module")
def ids(lab: LanguageModel) -> list[int]:
    return lab.tokenize(PROMPT)


@pytest.fixture(scope="module")
def strongest(lab: LanguageModel, sae: Sae, ids: list[int]) -> tuple[int, int, float]:
    """(position, feature, activation) of the prompt's strongest firing after BOS."""
    firings = sae.encode(lab.resid_post([ids], [LAYER])[LAYER][0, 1:])
    best = int(firings.activation.argmax())
    found = (firings.position[best], firings.feature_index[best], firings.activation[best])
    return int(found[0]) + 1, int(found[1]), float(found[2])


def logits(lab: LanguageModel, ids: list[int], *plan: Intervention) -> Tensor:
    with lab.intervening([list(plan)], prompt_length=len(ids)):
        return lab.forward([ids]).logits[0]


def test_clamp_to_the_present_value_is_the_identity(lab, sae, ids, strongest) -> None:
    position, feature, value = strongest
    held = Intervention.on_feature(sae, feature, "clamp", value, positions=(position,))
    off = Intervention.on_feature(sae, feature, "ablate", positions=(position,))
    plain = logits(lab, ids)
    assert float((logits(lab, ids, held) - plain).abs().max()) < 1e-5 * float(plain.abs().max())
    assert float((logits(lab, ids, off) - plain).abs().max()) > 0.1


def test_ablate_is_clamp_to_zero_and_two_adds_are_their_sum(lab, sae, ids, strongest) -> None:
    position, feature, _ = strongest
    off = Intervention.on_feature(sae, feature, "ablate", positions=(position,))
    zero = Intervention.on_feature(sae, feature, "clamp", 0.0, positions=(position,))
    assert torch.equal(logits(lab, ids, off), logits(lab, ids, zero))
    adds = [
        Intervention.on_feature(sae, feature, "add", value, positions=(position,))
        for value in (3.0, 8.0, 11.0)
    ]
    assert torch.allclose(logits(lab, ids, *adds[:2]), logits(lab, ids, adds[2]), atol=1e-4)
    assert not torch.allclose(logits(lab, ids, adds[0]), logits(lab, ids, adds[2]), atol=1e-1)


def test_no_logit_before_the_edit_changes(lab, sae, ids, strongest) -> None:
    _, feature, _ = strongest
    position = len(ids) // 2
    edited = logits(
        lab, ids, Intervention.on_feature(sae, feature, "add", 40.0, positions=(position,))
    )
    plain = logits(lab, ids)
    assert torch.equal(edited[:position], plain[:position])
    assert all(
        not torch.allclose(edited[p], plain[p], atol=1e-3) for p in range(position, len(ids))
    )


def test_cached_steering_is_recomputed_steering(lab, sae, ids, strongest) -> None:
    _, feature, _ = strongest
    plan = [
        Intervention.on_feature(
            sae, feature, "add", 30.0, positions=(len(ids) - 1,), include_generated=True
        ),
        Intervention.on_feature(sae, 7, "clamp", 9.0, positions=(3,)),
    ]
    steps = list(generate_arms(lab, ids, [[], plan], max_new_tokens=12))
    for arm, edits in ((0, []), (1, plan)):
        current = list(ids)
        for step in (one for one in steps if one.arm == arm):
            with lab.intervening([edits], prompt_length=len(ids)):
                expected = lab.forward([current], logits_to_keep=1).logits[0, -1].softmax(-1)
            assert int(expected.argmax()) == step.token_id
            assert step.probability == pytest.approx(float(expected[step.token_id]), abs=1e-5)
            current.append(step.token_id)


def test_an_empty_arm_is_the_baseline_bit_for_bit(lab, sae, ids, strongest) -> None:
    _, feature, _ = strongest
    plan = [Intervention.on_feature(sae, feature, "add", 30.0, positions=(4,))]
    for frozen in (False, True):
        found = prefill(lab, ids, [[], plan, []], freeze_attention=frozen).log_probs
        assert torch.equal(found[0], found[2])
        assert not torch.equal(found[0], found[1])

"""The paper's search on a model where the answer is known by construction.

The tiny Gemma's blocks are silenced, so that a token's embedding runs through all layers unchanged
and the next token is the one whose embedding agrees most with the last residual. The trait prompt's
last token holds three orthogonal directions, of strength 3, 2 and 1; only the second one is what
the trait's token listens to.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.steering.targets import TokenTarget
from backend.core.steering.trait_rows import Finding, Spot, Trait
from backend.core.steering.traits import TraitSearch
from tests.core.steering.known import unit_sae
from tests.tiny import D_MODEL, tiny_model_dir

NEWLINE, TRAIT, WANTED, LOUD = 50, 51, 52, 53
E_NEWLINE, E_LOUD, E_WANTED, E_QUIET = 0, 1, 2, 3
SCALE = D_MODEL**0.5  # Gemma multiplies embeddings by it


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, Path]:
    folder = tmp_path_factory.mktemp("known")
    lm = LanguageModel.load(tiny_model_dir(folder))
    with torch.no_grad():
        for layer in lm.layers:
            for norm in (layer.post_attention_layernorm, layer.post_feedforward_layernorm):
                norm.weight.fill_(-1.0)  # Gemma's gain is 1 + weight: the block adds nothing
        lm.final_norm.weight.fill_(0.0)
        weight = lm.model.get_input_embeddings().weight
        weight.zero_()
        weight[NEWLINE, E_NEWLINE] = 1.0
        weight[TRAIT, [E_LOUD, E_WANTED, E_QUIET]] = torch.tensor([3.0, 2.0, 1.0])
        weight[WANTED, E_WANTED] = 10.0
        weight[LOUD, E_LOUD] = 6.0
    return lm, folder


def trait(**changes: Any) -> Trait:
    prompts = [Spot([2, NEWLINE], 1), Spot([2, 60, NEWLINE], 2), Spot([2, 60, 61, NEWLINE], 3)]
    options: dict[str, Any] = {
        "trait": Spot([2, TRAIT], 1),
        "contrast": prompts[:2],
        "test": prompts,
        "success": TokenTarget(WANTED),
        "max_new_tokens": 1,
    }
    return Trait(**(options | changes))


def search(lm: LanguageModel, saes: list[Sae], wanted: Trait) -> Finding:
    run = TraitSearch(lm, saes, wanted)
    steps = list(run.steps())
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done <= steps[-1].most
    return run.finding


def test_the_second_strongest_feature_is_found(known: tuple[LanguageModel, Path]) -> None:
    """One feature alone makes the loud token; two make the wanted one:
    k = 2, and the second is the trait's.
    """
    lm, folder = known
    found = search(lm, [unit_sae(folder, 0), unit_sae(folder, 2)], trait(alphas=(5.0,)))
    assert (found.k, found.feature_index, found.alpha) == (2, E_WANTED, 5.0)
    assert found.feature_activation == pytest.approx(2.0 * SCALE)
    # both layers do the same: the shallower one
    assert (found.sae_id, found.layer) == ("layer_0", 0)
    assert [(one.sae_id, one.success.successes, one.n_active) for one in found.layers] == [
        ("layer_0", 2, 3),
        ("layer_2", 2, 3),
    ]
    assert {(one.k, one.success.successes) for one in found.trials} == {(3, 2), (1, 0), (2, 2)}
    assert [(one.alpha, one.success.successes) for one in found.strengths] == [(5.0, 2)]


def test_arms_are_judged_on_the_test_prompts(known: tuple[LanguageModel, Path]) -> None:
    lm, folder = known
    asking = [Spot([2, TRAIT, TRAIT], 2)] * 3
    found = search(
        lm,
        [unit_sae(folder, 2)],
        trait(alphas=(5.0,), asking_contrast=asking[:2], asking_test=asking),
    )
    shown = {arm.name: (arm.success.successes, arm.success.n, len(arm.texts)) for arm in found.arms}
    assert shown == {
        "none": (0, 3, 3),
        "features": (3, 3, 3),
        "feature": (3, 3, 3),
        "random_feature": (0, 3, 3),
        "difference_of_means": (3, 3, 3),
        "asking": (3, 3, 3),
    }


def test_the_layer_is_chosen_by_success(known: tuple[LanguageModel, Path]) -> None:
    """Layer 1 is made to erase the wanted direction where the newline is:
    what layer 0 adds is lost.
    """
    lm, folder = known

    def erase(_module: Any, _args: Any, output: Tensor) -> Tensor:
        kept = output.clone()
        kept[..., E_WANTED] *= output[..., E_NEWLINE] < 0.5
        return kept

    handle = lm.layers[1].register_forward_hook(erase)
    try:
        found = search(lm, [unit_sae(folder, 0), unit_sae(folder, 2)], trait(alphas=(5.0,)))
    finally:
        handle.remove()
    assert [one.success.successes for one in found.layers] == [0, 2]
    assert (found.sae_id, found.k, found.feature_index) == ("layer_2", 2, E_WANTED)


def test_a_strength_that_does_nothing_is_passed_over(known: tuple[LanguageModel, Path]) -> None:
    lm, folder = known
    found = search(lm, [unit_sae(folder, 2)], trait(alphas=(0.001, 5.0)))
    assert (found.alpha, found.k) == (5.0, 2)
    assert {one.k for one in found.trials if one.alpha == 0.001} == {3, 1}
    assert [(one.alpha, one.success.successes) for one in found.strengths] == [(0.001, 0), (5.0, 2)]
    assert found.feature_alpha == 5.0


def test_nothing_found_is_said_and_the_other_arms_are_judged(
    known: tuple[LanguageModel, Path],
) -> None:
    lm, folder = known
    found = search(lm, [unit_sae(folder, 2)], trait(alphas=(0.001,)))
    assert (found.k, found.feature_index, found.alpha) == (None, None, None)
    assert [arm.name for arm in found.arms] == ["none", "difference_of_means"]


def test_default_strengths_are_multiples_of_the_largest_activation(
    known: tuple[LanguageModel, Path],
) -> None:
    lm, folder = known
    found = search(lm, [unit_sae(folder, 2)], trait())
    assert found.alpha == pytest.approx(3.0 * SCALE)
    assert found.k == 2


def test_a_stopped_search_stops(known: tuple[LanguageModel, Path]) -> None:
    lm, folder = known
    run = TraitSearch(lm, [unit_sae(folder, 2)], trait(alphas=(5.0,)))
    for _ in run.steps():
        run.stop.set()
    assert (run.done, run.finding.k) == (1, None)


def test_a_search_without_prompts_or_saes_is_refused(known: tuple[LanguageModel, Path]) -> None:
    lm, folder = known
    for saes, wanted in (
        ([], trait()),
        ([unit_sae(folder, 2)], trait(contrast=[])),
        ([unit_sae(folder, 2)], trait(test=[])),
    ):
        with pytest.raises(ValueError, match="at least one"):
            TraitSearch(lm, saes, wanted)

"""Arms and their controls, worked by hand: feature f of the SAE is direction f."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering import arms
from backend.core.steering.arms import FeatureEdit, FeatureMode
from backend.core.steering.controls import control_arms, left_out
from backend.core.steering.experiment import first_difference
from backend.core.steering.prompt import ReadPrompt
from tests.core.steering.known import unit_sae
from tests.tiny import D_MODEL

PROMPT = ReadPrompt(
    [2, 10, 11, 12], ["<bos>", " cat", "\n", "sat"], ["special", "content", "function", "content"]
)


@pytest.fixture(scope="module")
def sae(tmp_path_factory: pytest.TempPathFactory) -> Sae:
    return unit_sae(tmp_path_factory.mktemp("arms"), 1)


def edit(sae: Sae, mode: FeatureMode = "add", value: float = 2.0) -> FeatureEdit:
    return FeatureEdit(sae, 3, mode, value, (2,))


def held(layers: Sequence[int]) -> dict[int, Tensor]:
    """At position 2, feature 3 has the activation 1.5."""
    resid = torch.zeros(4, D_MODEL)
    resid[2, 3] = 1.5
    return dict.fromkeys(layers, resid)


def added(interventions: Sequence[Intervention]) -> Tensor:
    """What adds put into the residual together, [d_model]."""
    assert {one.mode for one in interventions} == {"add"}
    return torch.stack([one.value * one.direction for one in interventions]).sum(0)


def test_an_arm_says_what_it_does(sae: Sae) -> None:
    arm = arms.steered_arm([edit(sae), edit(sae, "clamp", -1)], PROMPT)
    assert arm.sentence == (
        "Add 2 × feature 3 of layer_1 (after layer 1) at “↵” (position 2); set feature 3 of layer_1"
        " (after layer 1) to −1 at “↵” (position 2)."
    )
    assert arm.positions == (2,)
    assert arm.with_frozen_attention().sentence.endswith("attends as the baseline does.")
    assert arms.BASELINE.with_frozen_attention() is arms.BASELINE
    assert arms.quoted(" cat") == "“·cat”"


@pytest.mark.parametrize(
    ("mode", "value", "size"),
    [("add", 2.0, 2.0), ("clamp", 5.0, 3.5), ("scale", 3.0, 3.0), ("ablate", 0.0, -1.5)],
)
def test_controls_are_as_large_as_the_edit(
    sae: Sae, mode: FeatureMode, value: float, size: float
) -> None:
    """clamp adds 5 - 1.5, scale (3 - 1) · 1.5, ablate -1.5."""
    made = list(control_arms([edit(sae, mode, value)], PROMPT, 7, n_layers=4, residuals=held))
    moved, random, flipped = made
    assert [arm.name for arm in made] == ["content_position", "random_feature", "sign_flipped"]
    assert moved.positions in ((1,), (3,))
    assert [one.feature_index for one in moved.interventions] == [3]
    assert torch.equal(added(flipped.interventions), -size * torch.eye(D_MODEL)[3])
    other = arms.other_feature(D_MODEL, 3, 7)
    assert other != 3
    assert torch.allclose(added(random.interventions), size * torch.eye(D_MODEL)[other])
    assert random.positions == flipped.positions == (2,)


def test_after_the_last_layer_a_moved_edit_is_said_to_do_nothing(sae: Sae) -> None:
    moved = next(control_arms([edit(sae)], PROMPT, 7, n_layers=2, residuals=held))
    assert ("its KL is 0" in moved.sentence) is (moved.positions != (3,))
    assert (
        "its KL is 0"
        not in next(control_arms([edit(sae)], PROMPT, 7, n_layers=4, residuals=held)).sentence
    )


def test_what_cannot_be_compared_says_why(sae: Sae) -> None:
    everywhere = FeatureEdit(sae, 3, "add", 1.0, (0, 1, 2, 3))
    assert left_out([edit(sae)], PROMPT, 0) == {}
    assert len(left_out([], PROMPT, 0)) == 3
    assert "no content token" in left_out([everywhere], PROMPT, 0)["content_position"]
    unknown = ReadPrompt([2, 10], ["<bos>", "a"], [None, None], classified=False)
    assert "without a build" in left_out([edit(sae)], unknown, 0)["content_position"]
    names = [arm.name for arm in control_arms([everywhere], PROMPT, 0, n_layers=4, residuals=held)]
    assert names == ["random_feature", "sign_flipped"]


def test_another_feature_is_any_but_the_own_one() -> None:
    assert {arms.other_feature(3, 1, seed) for seed in range(50)} == {0, 2}
    assert arms.other_feature(96, 5, 8) == arms.other_feature(96, 5, 8)


def test_sizes_by_hand(sae: Sae) -> None:
    own, other = torch.tensor([3.0, 4.0]), torch.tensor([0.0, 2.0])
    assert arms.norm_ratio(own, other) == 2.5
    assert arms.norm_ratio(own, other, times=-2.0) == -5.0
    away = arms.taken_away(sae, torch.tensor([3, 5]), torch.tensor([1.5, 2.0]))
    assert torch.equal(away, 1.5 * torch.eye(D_MODEL)[3] + 2.0 * torch.eye(D_MODEL)[5])
    nothing = arms.taken_away(sae, torch.tensor([], dtype=torch.long), torch.tensor([]))
    assert torch.equal(nothing, torch.zeros(D_MODEL))


def test_an_edit_is_made_for_each_prompts_own_position(sae: Sae) -> None:
    for at in (arms.adding(1, torch.eye(D_MODEL)[3], 2.0), arms.adding_feature(sae, 3, 2.0)):
        assert [at(position).positions for position in (4, 0)] == [(4,), (0,)]
        assert torch.equal(added([at(4)]), 2.0 * torch.eye(D_MODEL)[3])
        assert at(4).layer == 1


def test_where_two_texts_part() -> None:
    assert first_difference([1, 2, 3], [1, 2, 4]) == 2
    assert first_difference([1, 2], [1, 2, 9]) is None

"""What an instruction changes, worked by hand: feature f of the SAE is direction f."""

from pathlib import Path

import torch

from backend.core.lm import LanguageModel
from backend.core.steering.contrast import difference_of_means, last_residuals, rise
from tests.core.steering.known import unit_sae
from tests.tiny import D_MODEL


def test_means_are_subtracted_not_paired() -> None:
    after, before = torch.tensor([[4.0, 0.0], [2.0, 2.0]]), torch.tensor([[1.0, 5.0]])
    assert difference_of_means(after, before).tolist() == [2.0, -4.0]


def test_a_feature_that_is_silent_on_one_side_rises_by_its_mean(tmp_path: Path) -> None:
    sae = unit_sae(tmp_path, 1)
    after, before = torch.zeros(2, D_MODEL), torch.zeros(1, D_MODEL)
    after[:, 3], before[0, 3], after[0, 5] = 2.0, -7.0, 1.0  # below zero nothing fires
    found = rise(sae, after, before)
    assert found.nonzero()[:, 0].tolist() == [3, 5]
    assert found[[3, 5]].tolist() == [2.0, 0.5]


def test_each_prompt_is_read_at_its_own_end(lm: LanguageModel) -> None:
    prompts = [[2, 40, 41], [2, 40]]
    found = last_residuals(lm, prompts, [0, 2])
    for row, ids in enumerate(prompts):
        alone = lm.resid_post([ids], [0, 2])
        assert all(torch.equal(found[layer][row], alone[layer][0, -1]) for layer in (0, 2))

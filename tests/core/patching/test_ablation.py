"""Averaging out: the means by hand, the identities, and the edited run against a plain hook."""

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.patching import Marked, Means, Trunk
from tests.core.patching.plain import Plain
from tests.tiny import N_LAYERS


@pytest.fixture(scope="module")
def prompts(a: list[int], b: list[int], longer: list[int]) -> list[Marked]:
    """Three prompts of one template; the subject is the third token from the end, longer's has one
    more."""
    return [
        Marked(tuple(ids), (*("before" for _ in ids[:-3]), "subject", "mark", "end"))
        for ids in (a, b, longer)
    ]


@pytest.fixture(scope="module")
def means(lm: LanguageModel, prompts: list[Marked]) -> Means:
    return Means.over(lm, prompts)


def test_a_mean_is_over_the_positions_of_its_role(
    means: Means, plain: Plain, prompts: list[Marked]
) -> None:
    assert means.counts == {
        "before": sum(len(one.ids) - 3 for one in prompts),
        "subject": 3,
        "mark": 3,
        "end": 3,
    }
    runs = [plain.run(list(one.ids))[1] for one in prompts]
    for layer in range(N_LAYERS):
        expected = torch.stack([seen[layer][-2] for seen in runs]).mean(0)
        torch.testing.assert_close(means.states["mark"][layer], expected, atol=1e-4, rtol=1e-4)


def test_ablating_nothing_and_keeping_all_are_the_identity(
    lm: LanguageModel, means: Means, prompts: list[Marked]
) -> None:
    prompt, everything = prompts[0], range(17)
    trunk = Trunk(lm, prompt.ids, 10)
    for layer in range(N_LAYERS):
        nothing = means.ablating(prompt, layer, ())
        all_kept = means.keeping_only(prompt, layer, everything, everything)
        found = trunk.after(layer, [[], nothing, all_kept])
        assert torch.equal(found[1], found[0])
        assert torch.equal(found[2], found[0])


def test_keeping_only_some_averages_out_the_others(
    lm: LanguageModel, plain: Plain, means: Means, prompts: list[Marked]
) -> None:
    prompt = prompts[1]
    ids, last = list(prompt.ids), len(prompt.ids) - 1
    trunk, layer = Trunk(lm, ids, last - 2), 1
    kept = trunk.after(
        layer, [means.keeping_only(prompt, layer, [last - 1], [last - 2, last - 1, last])]
    )
    edits = {last - 2: means.states["subject"][layer], last: means.states["end"][layer]}
    _, seen = plain.run(ids, {layer: edits})
    torch.testing.assert_close(kept[0], seen[N_LAYERS - 1][-1], atol=1e-4, rtol=1e-4)
    ablated = trunk.after(layer, [means.ablating(prompt, layer, [last - 2, last])])
    assert torch.equal(kept, ablated)
    assert (kept[0] - trunk.last[0]).abs().max() > 0.1


def test_a_role_whose_prompts_are_all_this_one_is_its_own_state(
    lm: LanguageModel, prompts: list[Marked]
) -> None:
    alone = Means.over(lm, prompts[:1])
    trunk = Trunk(lm, prompts[0].ids, 14)
    for layer in range(N_LAYERS):
        found = trunk.after(layer, [alone.ablating(prompts[0], layer, [14, 15, 16])])
        torch.testing.assert_close(found[0], trunk.last[0], atol=1e-4, rtol=1e-4)


def test_what_has_no_mean_is_refused(
    lm: LanguageModel, means: Means, prompts: list[Marked]
) -> None:
    strange = Marked(prompts[0].ids, ("other",) * len(prompts[0].ids))
    with pytest.raises(ValueError, match="No mean was taken of \\['other'\\]"):
        means.ablating(strange, 0, [3])
    with pytest.raises(ValueError, match="positions 0 to 16"):
        means.ablating(prompts[0], 0, [17])
    with pytest.raises(ValueError, match="3 tokens and 2 roles"):
        Marked((1, 2, 3), ("x", "y"))

"""The edit that all patching is made of: a state in a residual's place, at absolute positions."""

import pytest
import torch

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from tests.core.patching.plain import Plain
from tests.tiny import D_MODEL

LAYER = 1


def states(n: int) -> torch.Tensor:
    return torch.randn(n, D_MODEL, generator=torch.Generator().manual_seed(7))


def test_a_replace_writes_the_state_bit_for_bit_and_nothing_else(
    lm: LanguageModel, b: list[int]
) -> None:
    wanted = states(2)
    before = lm.resid_post([b], [LAYER])[LAYER][0]
    with lm.intervening([[Intervention.replacing(LAYER, (3, 9), wanted)]], prompt_length=len(b)):
        after = lm.resid_post([b], [LAYER])[LAYER][0]
    assert torch.equal(after[[3, 9]], wanted)
    others = [p for p in range(len(b)) if p not in (3, 9)]
    assert torch.equal(after[others], before[others])


def test_a_replace_is_what_a_plain_hook_does(lm: LanguageModel, plain: Plain, b: list[int]) -> None:
    wanted = states(2)
    with lm.intervening([[Intervention.replacing(LAYER, (3, 9), wanted)]], prompt_length=len(b)):
        logits = lm.forward([b]).logits[0, -1]
    expected, _ = plain.run(b, {LAYER: {3: wanted[0], 9: wanted[1]}})
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    assert (expected - plain.run(b)[0]).abs().max() > 0.1


def test_positions_of_a_replace_are_absolute_under_left_padding(
    lm: LanguageModel, b: list[int]
) -> None:
    edit = [Intervention.replacing(LAYER, (3, 9), states(2))]
    padded, mask = torch.tensor([[0] * 5 + b]), torch.tensor([[0] * 5 + [1] * len(b)])
    with lm.intervening([edit], prompt_length=len(b)):
        alone, beside = (
            lm.forward([b]).logits[0],
            lm.forward(padded, attention_mask=mask).logits[0, 5:],
        )
    torch.testing.assert_close(beside, alone, atol=1e-4, rtol=1e-4)


def test_an_add_comes_on_top_of_a_state_in_either_order(
    lm: LanguageModel, saes: dict[str, Sae], b: list[int]
) -> None:
    sae = saes["layer_2"]
    put = Intervention.replacing(2, (9,), states(1))
    add = Intervention.on_feature(sae, 7, "add", 3.0, positions=(9,))
    for row in ([put, add], [add, put]):
        with lm.intervening([row], prompt_length=len(b)):
            found = lm.resid_post([b], [2])[2][0, 9]
        torch.testing.assert_close(found, states(1)[0] + 3.0 * sae.W_dec[7], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("positions", "shape"),
    [((9, 3), (2, D_MODEL)), ((3, 3), (2, D_MODEL)), ((3, 9), (1, D_MODEL)), ((3,), (D_MODEL,))],
)
def test_states_and_positions_that_do_not_fit_are_refused(
    positions: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="positions are|The states have shape"):
        Intervention.replacing(LAYER, positions, torch.zeros(shape))


def test_what_contradicts_a_replace_is_refused(
    lm: LanguageModel, saes: dict[str, Sae], b: list[int]
) -> None:
    put = Intervention.replacing(2, (9,), states(1))
    clamp = Intervention.on_feature(saes["layer_2"], 7, "clamp", 3.0, positions=(9,))
    again = Intervention.replacing(2, (8, 9), states(2))
    for other in (clamp, again):
        with (
            pytest.raises(ValueError, match="contradict each other"),
            lm.intervening([[put, other]], prompt_length=18),
        ):
            pass
    apart = Intervention.on_feature(saes["layer_2"], 7, "clamp", 3.0, positions=(8,))
    with lm.intervening([[put, apart]], prompt_length=len(b)):
        pass
    wide = Intervention.replacing(2, (9,), torch.zeros(1, D_MODEL + 1))
    with (
        pytest.raises(ValueError, match="residual stream needs"),
        lm.intervening([[wide]], prompt_length=len(b)),
    ):
        pass

"""Edits of the residual stream: by hand, by construction, and against the algebra they promise."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention, current_plan
from backend.core.sae import Sae
from tests.tiny import D_MODEL, tiny_sae_dir

LAYER, AT = 2, 9
TEXT = "What is the capital of Russia?\nThe cat sat on the mat, and the dog sat by the door."


@pytest.fixture(scope="module")
def sae(saes: dict[str, Sae]) -> Sae:
    return saes["layer_2"]


@pytest.fixture(scope="module")
def ids(lm: LanguageModel) -> list[int]:
    return lm.tokenize(TEXT)


@pytest.fixture(scope="module")
def firing(lm: LanguageModel, sae: Sae, ids: list[int]) -> list[int]:
    """Features that fire at AT."""
    firings = sae.encode(lm.resid_post([ids], [LAYER])[LAYER][0])
    features = firings.feature_index[firings.position == AT].tolist()
    assert len(features) >= 3
    return features


def run(lm: LanguageModel, ids: list[int], plan: Sequence[Intervention]) -> tuple[Tensor, Tensor]:
    """(resid_post at LAYER, logits), both [pos, …]."""
    with lm.intervening([plan], prompt_length=len(ids)):
        done = lm.forward([ids], [LAYER])
    return done.resid[LAYER][0], done.logits[0]


def test_add_moves_one_position_by_alpha_times_the_decoder_row(lm, sae, ids) -> None:
    plain, _ = run(lm, ids, [])
    edited, _ = run(lm, ids, [Intervention.on_feature(sae, 7, "add", 3.0, positions=(AT,))])
    expected = plain.clone()
    expected[AT] += 3.0 * sae.W_dec[7]
    assert torch.equal(edited[:AT], plain[:AT])
    assert torch.equal(edited[AT + 1 :], plain[AT + 1 :])
    torch.testing.assert_close(edited, expected, atol=1e-5, rtol=1e-5)


def test_nothing_before_the_edit_changes_and_something_after_does(lm, sae, ids) -> None:
    _, plain = run(lm, ids, [])
    _, edited = run(lm, ids, [Intervention.on_feature(sae, 7, "add", 8.0, positions=(AT,))])
    assert torch.equal(edited[:AT], plain[:AT])
    assert (edited[AT:] - plain[AT:]).abs().amax(-1).min() > 1e-4


def test_no_intervention_is_bit_identical(lm, ids) -> None:
    _, planned = run(lm, ids, [])
    assert torch.equal(planned, lm.forward([ids]).logits[0])


def test_clamp_to_the_present_value_is_identity(lm, sae, ids, firing) -> None:
    plain, _ = run(lm, ids, [])
    for feature in firing:
        value = sae.feature_activation(plain, feature)[AT].item()
        edited, _ = run(
            lm, ids, [Intervention.on_feature(sae, feature, "clamp", value, positions=(AT,))]
        )
        torch.testing.assert_close(edited, plain, atol=1e-5, rtol=0)


def test_scale_by_one_is_identity_and_by_zero_is_ablate_and_ablate_is_clamp_to_zero(
    lm, sae, ids, firing
) -> None:
    def edited(mode: str, value: float) -> Tensor:
        return run(
            lm, ids, [Intervention.on_feature(sae, firing[0], mode, value, positions="all")]
        )[0]

    plain, _ = run(lm, ids, [])
    assert torch.equal(edited("scale", 1.0), plain)
    assert torch.equal(edited("ablate", 123.0), edited("clamp", 0.0))
    torch.testing.assert_close(edited("scale", 0.0), edited("ablate", 0.0), atol=1e-5, rtol=0)
    activation = sae.feature_activation(plain, firing[0])
    expected = plain - activation[:, None] * sae.W_dec[firing[0]]  # the error term stays
    torch.testing.assert_close(edited("ablate", 0.0), expected, atol=1e-5, rtol=0)


def test_two_adds_are_their_sum_in_any_order(lm, sae, ids) -> None:
    a = Intervention.on_feature(sae, 3, "add", 2.0, positions=(AT,))
    b = Intervention.on_feature(sae, 8, "add", -1.5, positions=(AT, AT + 1))
    both, _ = run(lm, ids, [a, b])
    plain, _ = run(lm, ids, [])
    expected = plain.clone()
    expected[AT] += 2.0 * sae.W_dec[3]
    expected[[AT, AT + 1]] -= 1.5 * sae.W_dec[8]
    torch.testing.assert_close(both, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(run(lm, ids, [b, a])[0], both, atol=1e-5, rtol=0)
    twice = Intervention.on_feature(sae, 3, "add", 4.0, positions=(AT,))
    torch.testing.assert_close(run(lm, ids, [a, a])[0], run(lm, ids, [twice])[0], atol=1e-5, rtol=0)


def test_clamps_beside_other_edits_read_the_unedited_stream(lm, sae, ids, firing) -> None:
    first, second = firing[:2]
    plan = [
        Intervention.on_feature(sae, first, "clamp", 9.0, positions=(AT,)),
        Intervention.on_feature(sae, second, "ablate", positions=(AT,)),
        Intervention.on_feature(sae, first, "add", 2.0, positions=(AT,)),
    ]
    plain, _ = run(lm, ids, [])
    a, b = (sae.feature_activation(plain, f)[AT] for f in (first, second))
    expected = plain.clone()
    expected[AT] += (9.0 - a + 2.0) * sae.W_dec[first] - b * sae.W_dec[second]
    torch.testing.assert_close(run(lm, ids, plan)[0], expected, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(run(lm, ids, plan[::-1])[0], expected, atol=1e-4, rtol=1e-5)


def test_deeper_edits_see_shallower_ones(lm, saes, ids) -> None:
    shallow = Intervention.on_feature(saes["layer_0"], 3, "add", 5.0, positions=(AT,))
    with lm.intervening([[shallow]], prompt_length=len(ids)):
        moved = lm.resid_post([ids], [LAYER])[LAYER][0]
    value = saes["layer_2"].feature_activation(moved, 11)
    ablate = Intervention.on_feature(saes["layer_2"], 11, "clamp", 4.0, positions="all")
    expected = moved + (4.0 - value)[:, None] * saes["layer_2"].W_dec[11]
    torch.testing.assert_close(run(lm, ids, [ablate, shallow])[0], expected, atol=1e-4, rtol=1e-5)


def test_rows_carry_their_own_plans(lm, sae, ids) -> None:
    edit = Intervention.on_feature(sae, 7, "add", 3.0, positions=(AT,))
    other = Intervention.on_direction(LAYER, torch.ones(D_MODEL), 1.0, positions="all")
    with lm.intervening([[], [edit], [], [edit, other]], prompt_length=len(ids)):
        logits = lm.forward([ids] * 4).logits
    assert torch.equal(logits[0], logits[2])
    for row, plan in ((0, []), (1, [edit]), (3, [edit, other])):
        torch.testing.assert_close(logits[row], run(lm, ids, plan)[1], atol=1e-4, rtol=1e-4)


def test_positions_are_absolute_under_left_padding(lm, sae, ids) -> None:
    plan = [Intervention.on_feature(sae, 7, "clamp", 6.0, positions=(AT, 11))]
    padded = torch.tensor([[0] * 5 + ids])
    mask = torch.tensor([[0] * 5 + [1] * len(ids)])
    with lm.intervening([plan], prompt_length=len(ids)):
        logits = lm.forward(padded, attention_mask=mask).logits[0, 5:]
    torch.testing.assert_close(logits, run(lm, ids, plan)[1], atol=1e-4, rtol=1e-4)


def test_all_is_the_prompt_and_generated_text_only_when_asked(lm, sae, ids) -> None:
    prompt = len(ids) - 4
    plain = lm.resid_post([ids], [LAYER])[LAYER][0]
    for positions, generated in (("all", False), ("all", True), ((3,), True), ((), True)):
        edit = Intervention.on_feature(
            sae, 7, "add", 3.0, positions=positions, include_generated=generated
        )
        with lm.intervening([[edit]], prompt_length=prompt):
            edited = lm.resid_post([ids], [LAYER])[LAYER][0]
        changed = (edited != plain).any(-1).nonzero()[:, 0].tolist()
        inside = list(range(prompt)) if positions == "all" else list(positions)
        assert changed == inside + (list(range(prompt, len(ids))) if generated else [])


def test_topk_features_are_clamped_by_what_fires(lm, ids, tmp_path) -> None:
    sae = Sae.load(tiny_sae_dir(tmp_path, LAYER, architecture="topk"))
    plain, _ = run(lm, ids, [])
    firings = sae.encode(plain)
    feature = int(firings.feature_index[0])
    edited, _ = run(lm, ids, [Intervention.on_feature(sae, feature, "ablate", positions="all")])
    removed = sae.feature_activation(plain, feature)[:, None] * sae.decoder_rows([feature])
    torch.testing.assert_close(edited, plain - removed, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "boost"}, "mode is 'boost'; allowed: add, clamp, scale, ablate"),
        ({"value": float("nan")}, "value is nan; allowed: finite"),
        ({"positions": (-1,)}, r"positions are \[-1\]; allowed: 0 and above"),
        ({"feature_index": 96}, "feature_index is 96"),
    ],
)
def test_impossible_interventions_are_refused(sae: Sae, options: dict, message: str) -> None:
    given = {"feature_index": 1, "mode": "add", "value": 1.0, "positions": (1,)} | options
    with pytest.raises(ValueError, match=message):
        Intervention.on_feature(sae, **given)


def test_plans_that_do_not_fit_are_refused(lm, sae, ids) -> None:
    def enter(*plan: Intervention) -> None:
        with lm.intervening([plan], prompt_length=len(ids)):
            raise AssertionError("not refused")

    with pytest.raises(ValueError, match=f"positions 0 to {len(ids) - 1}"):
        enter(Intervention.on_feature(sae, 1, "add", 1.0, positions=(len(ids),)))
    with pytest.raises(ValueError, match="layer is 4; this model has layers 0 to 3"):
        enter(Intervention.on_direction(4, torch.ones(D_MODEL), 1.0, positions="all"))
    with pytest.raises(ValueError, match=r"has shape \(31,\)"):
        enter(Intervention.on_direction(1, torch.ones(31), 1.0, positions="all"))
    with pytest.raises(ValueError, match="clamp and ablate on feature 1 of layer_2"):
        enter(
            Intervention.on_feature(sae, 1, "clamp", 1.0, positions=(1, 2)),
            Intervention.on_feature(sae, 1, "ablate", positions="all"),
        )
    with pytest.raises(ValueError, match="scale and clamp"):
        enter(
            Intervention.on_feature(sae, 1, "scale", 2.0, positions=(), include_generated=True),
            Intervention.on_feature(sae, 1, "clamp", 1.0, positions=(1,), include_generated=True),
        )
    with (
        pytest.raises(ValueError, match="The batch has 2 rows, the interventions 1"),
        lm.intervening(
            [[Intervention.on_feature(sae, 1, "add", 1.0, positions=(1,))]], prompt_length=len(ids)
        ),
    ):
        lm.forward([ids] * 2)
    assert current_plan() is None  # and none of them left anything behind


def test_a_normalising_sae_cannot_steer(tmp_path) -> None:
    sae = Sae.load(tiny_sae_dir(tmp_path, 1, normalize_activations="layer_norm"))
    with pytest.raises(ValueError, match="can be read but not steered with"):
        Intervention.on_feature(sae, 1, "add", 1.0, positions="all")

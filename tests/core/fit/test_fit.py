"""An SAE that belongs where it reads is not warned of; each way of being wrong is, with figures."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from backend.core.fit import Fit, Readings, Recovered, check_sae
from backend.core.fit.check import explained
from backend.core.lm import LanguageModel
from backend.core.presets import load_preset
from backend.core.sae import Sae
from tests.sae_changes import (
    Change,
    at_layer,
    changed,
    in_the_scale_of_normed_input,
    normalised,
    unstated,
    without_b_dec,
)
from tests.tiny import D_MODEL, tiny_sae_dir

SOURCES = load_preset("lab").saes


def tried(lm: LanguageModel, sae: Sae) -> Fit:
    readings = Readings(lm, {sae.layer})
    return check_sae(lm, sae, readings, Recovered(lm, readings, {sae.layer}))


@pytest.fixture(scope="module")
def lab() -> LanguageModel:
    return LanguageModel.load(load_preset("lab").model)


@pytest.fixture(scope="module")
def readings(lab: LanguageModel) -> Readings:
    return Readings(lab, range(lab.n_layers))


@pytest.fixture(scope="module", params=SOURCES, ids=lambda one: one.sae_id)
def source(request: pytest.FixtureRequest) -> Any:
    return request.param


def warned(lab: LanguageModel, readings: Readings, sae: Sae) -> tuple[str, ...]:
    return check_sae(lab, sae, readings, Recovered(lab, readings, {sae.layer})).warnings


def test_the_right_ones_are_not_warned_of(lab: LanguageModel, source: Any) -> None:
    fit = tried(lab, Sae.load(source.path))
    assert fit.warnings == ()
    assert 128 <= fit.n_positions <= 256
    assert fit.stated_variance is not None
    assert fit.explained_variance == pytest.approx(fit.stated_variance, abs=0.06)
    assert fit.recovered_loss == pytest.approx(fit.stated_recovered, abs=0.04)


@pytest.mark.parametrize("stated", [True, False])
def test_a_wrong_layer(
    lab: LanguageModel, readings: Readings, tmp_path: Path, source: Any, stated: bool
) -> None:
    """One layer off is named from both sides, also where nothing was stated of the training."""
    for layer in {source.layer - 1, source.layer + 1} & set(range(lab.n_layers)):
        changes = [at_layer(layer)] + ([] if stated else [unstated])
        told = warned(lab, readings, changed(tmp_path / f"at_{layer}", source.path, *changes))
        named = rf"\(after layer {layer}\), .* after layer {source.layer} it explains 0\.\d\d\."
        assert any(re.search(named, one) for one in told), told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_b_dec, "misses the same vector .*its b_dec is zero everywhere"),
        (normalised, r"explains .* with its input normalised \(layer_norm\); 0\.\d\d is stated"),
        (normalised, r"with its input as it is it explains 0\.[89]\d"),
    ],
)
def test_a_lost_b_dec_and_an_input_that_is_normalised(
    lab: LanguageModel, readings: Readings, tmp_path: Path, source: Any, change: Change, said: str
) -> None:
    told = warned(lab, readings, changed(tmp_path / source.sae_id, source.path, change))
    assert any(re.search(said, one) for one in told), told


def test_an_sae_of_layer_normed_input_that_does_not_say_so(
    lab: LanguageModel, readings: Readings, tmp_path: Path, source: Any
) -> None:
    scale = float(readings.resid(source.layer).std(-1).mean())
    change = in_the_scale_of_normed_input(scale)
    told = warned(lab, readings, changed(tmp_path / "normed", source.path, change, unstated))
    # many times as many features fire; where that size is large, the way is named too
    assert any(re.search(r"has \d+ firings a position .*where 32 are stated", one) for one in told)
    way = r"with its input normalised \((layer_norm|constant_norm_rescale)\) it explains 0\.[78]"
    named = any(re.search(way, one) for one in told)
    assert named == (source.layer > 4), told


@pytest.mark.parametrize(("lost", "lead"), [(True, 0), (False, 2)])
def test_a_missing_and_a_doubled_bos(
    lab: LanguageModel, monkeypatch: pytest.MonkeyPatch, lost: bool, lead: int
) -> None:
    """Of prompts as they are read: a tokenizer that lost its BOS, and one that writes it twice."""
    lm = copy.copy(lab)
    if lost:
        lm.bos_id = None
    else:
        monkeypatch.setattr(
            lm, "tokenize", lambda text: [lab.bos_id, *lab.tokenize(text)], raising=False
        )
    (said,) = tried(lm, Sae.load(SOURCES[2].path)).warnings
    assert said.startswith(f"Prompts begin with {lead} BOS, where SAE layer_5 wants 1")
    right, wrong = Readings(lab, [5]).loss(), Readings(lab, [5]).loss(lead)
    assert f"loses {wrong:.3f} nats a token, with 1 BOS {right:.3f}" in said


def test_a_declared_bos_that_the_model_reads_worse_behind_is_not_missed(
    lab: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = copy.copy(lab)
    lm.bos_id = None
    monkeypatch.setattr(Readings, "loss", lambda self, lead=None: 3.6 + 0.1 * (lead or 0))
    assert tried(lm, Sae.load(SOURCES[2].path)).warnings == ()


def test_an_identity_explains_everything_and_zero_nothing(
    lm: LanguageModel, tmp_path: Path
) -> None:
    """Known by construction, on another family: features +e_i and -e_i, and none that fires."""
    eye = torch.eye(D_MODEL)
    folder = tiny_sae_dir(tmp_path, 1, architecture="standard", d_sae=2 * D_MODEL)
    weights = {
        "W_enc": torch.cat([eye, -eye], 1).contiguous(),
        "b_enc": torch.zeros(2 * D_MODEL),
        "W_dec": torch.cat([eye, -eye]).contiguous(),
        "b_dec": torch.ones(D_MODEL),
    }
    save_file(weights, folder / "sae_weights.safetensors")
    fit = tried(lm, Sae.load(folder))
    assert fit.explained_variance == 1.0
    assert fit.recovered_loss == pytest.approx(1.0, abs=1e-3)
    assert fit.stated_variance is None
    resid = Readings(lm, [1]).resid(1)
    save_file(
        weights | {"b_enc": torch.full((2 * D_MODEL,), -1e6), "b_dec": resid.mean(0)},
        folder / "sae_weights.safetensors",
    )
    assert explained(Sae.load(folder), resid) == pytest.approx(0.0, abs=1e-5)


def test_recovered_loss_is_that_of_the_models_own_forward(
    lm: LanguageModel, saes: dict[str, Sae]
) -> None:
    """Against hooks on the whole model: two independent ways."""
    readings, sae = Readings(lm, [2]), saes["layer_2"]
    block = lm.layers[2]
    nats = []
    for mode in ("whole", "replaced", "zeroed"):
        total = 0.0
        for row in readings.rows():

            def edit(_m: object, _i: object, out: torch.Tensor) -> torch.Tensor:
                flat = out[0]
                made = sae.decode(sae.encode(flat), len(flat)) if mode == "replaced" else 0 * flat  # noqa: B023
                special = torch.tensor([one in lm.special_ids for one in row])  # noqa: B023
                norms = flat.norm(dim=-1)
                kept = special | (norms > 2.5 * norms.median())
                return torch.where(kept[:, None], flat, made)[None]

            handle = block.register_forward_hook(edit) if mode != "whole" else None
            total += float(lm.per_token_loss([row]).sum())
            if handle:
                handle.remove()
        nats.append(total)
    whole, replaced, zeroed = nats
    found = Recovered(lm, readings, {2}).of(sae)
    assert found == pytest.approx((zeroed - replaced) / (zeroed - whole), abs=2e-3)

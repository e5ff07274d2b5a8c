"""On the real model: its own SAEs belong where they read, and each way of being wrong is told."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from backend.core.fit import Fit, Readings, Recovered, check_sae
from backend.core.lm import LanguageModel
from backend.core.presets import load_preset
from backend.core.sae import Sae
from tests.gemma.conftest import PRESET
from tests.sae_changes import (
    Change,
    at_layer,
    changed,
    in_the_scale_of_normed_input,
    normalised,
    unstated,
    without_b_dec,
)

SOURCES = load_preset(PRESET).saes
LAYERS = {source.layer for source in SOURCES}


@pytest.fixture(scope="module")
def readings(gemma: LanguageModel) -> Readings:
    return Readings(gemma, range(gemma.n_layers))


@pytest.fixture(scope="module")
def recovered(gemma: LanguageModel, readings: Readings) -> Recovered:
    return Recovered(gemma, readings, range(gemma.n_layers))


@pytest.fixture(params=SOURCES, ids=lambda one: one.sae_id)
def source(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_right_ones_are_not_warned_of(
    gemma: LanguageModel, readings: Readings, recovered: Recovered, source: Any
) -> None:
    fit: Fit = check_sae(gemma, Sae.load(source.path), readings, recovered)
    assert fit.warnings == ()
    assert fit.explained_variance == pytest.approx(fit.stated_variance, abs=0.06)
    assert fit.recovered_loss == pytest.approx(fit.stated_recovered, abs=0.05)


@pytest.mark.parametrize("off", [-1, 1])
def test_one_layer_off(
    gemma: LanguageModel,
    readings: Readings,
    recovered: Recovered,
    tmp_path: Path,
    source: Any,
    off: int,
) -> None:
    sae = changed(tmp_path / "off", source.path, at_layer(source.layer + off), unstated)
    told = check_sae(gemma, sae, readings, recovered).warnings
    assert any(f"after layer {source.layer} it explains" in one for one in told), told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_b_dec, "misses the same vector .*its b_dec is zero everywhere"),
        (normalised, "with its input as it is it explains 0"),
        (in_the_scale_of_normed_input, r"with its input normalised \(\w+\) it explains 0"),
    ],
)
def test_a_lost_b_dec_and_an_input_of_another_scale(
    gemma: LanguageModel,
    readings: Readings,
    recovered: Recovered,
    tmp_path: Path,
    source: Any,
    change: Any,
    said: str,
) -> None:
    if change is in_the_scale_of_normed_input:
        change = change(float(readings.resid(source.layer).std(-1).mean()))
    one: Change = change
    sae = changed(tmp_path / "other", source.path, one, unstated)
    told = check_sae(gemma, sae, readings, recovered).warnings
    assert any(re.search(said, sentence) for sentence in told), told


@pytest.mark.parametrize("lead", [0, 2])
def test_a_missing_and_a_doubled_bos(
    gemma: LanguageModel, source: Any, monkeypatch: pytest.MonkeyPatch, lead: int
) -> None:
    lm = copy.copy(gemma)
    bare = [gemma.bos_id] * lead
    monkeypatch.setattr(lm, "tokenize", lambda text: [*bare, *gemma.tokenize(text)[1:]])
    readings = Readings(lm, [source.layer])
    recovered = Recovered(lm, readings, {source.layer})
    told = check_sae(lm, Sae.load(source.path), readings, recovered).warnings
    said = f"Prompts begin with {lead} BOS, where SAE {source.sae_id} wants 1"
    assert any(one.startswith(said) for one in told), told

"""Where an SAE says that it was trained is honoured, or refused by the entry's name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.core.fit import NotReadSo, require_belongs
from backend.core.lm import LanguageModel
from backend.core.presets import SaeSource
from backend.core.sae import Sae
from backend.serving.loading import load_preset_models
from precompute.job import BadInput
from precompute.models import check_saes
from tests.tiny import BOS, EOS, tiny_model_dir, tiny_sae_dir, tiny_tokenizer
from tests.tiny_build import tiny_preset

ORDINARY = 60


def saying(folder: Path, *, at_the_top: bool = False, **said: Any) -> Sae:
    site = {"hook_name": "blocks.1.hook_resid_post", "sae_lens_version": "6.0.0"}
    top, metadata = (said, site) if at_the_top else ({}, site | said)
    return Sae.load(tiny_sae_dir(folder, 1, metadata=metadata, **top))


@pytest.mark.parametrize(
    "said",
    [
        {"prepend_bos": True},
        {"seqpos_slice": [None]},
        {"seqpos_slice": None},
        {"seqpos_slice": [1, None]},
        {"exclude_special_tokens": True},
        {"exclude_special_tokens": [BOS, EOS]},
    ],
)
@pytest.mark.parametrize("at_the_top", [False, True])
def test_what_is_done_here_anyway(
    lm: LanguageModel, tmp_path: Path, said: dict[str, Any], at_the_top: bool
) -> None:
    require_belongs(saying(tmp_path, at_the_top=at_the_top, **said), lm)


REFUSED = [
    ({"prepend_bos": False}, "says prepend_bos = False .* begins with the model's BOS"),
    ({"seqpos_slice": [5, None]}, r"says seqpos_slice = \[5, None\] .* at every position"),
    ({"seqpos_slice": [None, 64]}, r"says seqpos_slice = \[None, 64\]"),
    (
        {"exclude_special_tokens": [BOS, ORDINARY]},
        rf"says exclude_special_tokens = .*token {ORDINARY} is an ordinary one",
    ),
]


@pytest.mark.parametrize(("said", "message"), REFUSED)
@pytest.mark.parametrize("at_the_top", [False, True])
def test_what_is_not_is_refused_by_name_and_notes_are_the_way_out(
    lm: LanguageModel, tmp_path: Path, said: dict[str, Any], message: str, at_the_top: bool
) -> None:
    sae = saying(tmp_path, at_the_top=at_the_top, **said)
    with pytest.raises(NotReadSo, match=message):
        require_belongs(sae, lm)
    with pytest.raises(BadInput, match=message):
        check_saes(lm, [sae])
    require_belongs(saying(tmp_path / "noted", notes=said), lm)


def test_a_model_without_bos_reads_as_the_sae_wants(tmp_path: Path) -> None:
    folder = tiny_model_dir(tmp_path)
    tokenizer = tiny_tokenizer()
    tokenizer.bos_token = None
    tokenizer.save_pretrained(folder)
    require_belongs(saying(tmp_path, prepend_bos=False), LanguageModel.load(folder))


def test_the_server_leaves_it_out_and_says_why(tiny_folder: Path, tmp_path: Path) -> None:
    preset = tiny_preset(tiny_folder, tmp_path / "none.duckdb")
    sae = saying(tmp_path, prepend_bos=False)
    wrong = SaeSource("wrong", 1, sae.folder, None, None, "both")
    both = replace(preset, saes=(*preset.saes, wrong))
    loaded = load_preset_models(both, device="cpu", dtype=None, threads=1)
    assert set(loaded.saes) == {one.sae_id for one in preset.saes}
    assert "says prepend_bos = False" in loaded.damaged["wrong"]
    assert "again" not in loaded.damaged["wrong"]

"""Presets: every entry reads, and public SAEs carry ids that sae-lens knows."""

from pathlib import Path

import pytest

from backend.core import presets
from backend.core.presets import load_preset, preset_names


def test_every_preset_reads(tmp_path: Path) -> None:
    assert preset_names()[0] == "lab"
    assert {"gemma-2-9b", "gemma-2-2b", "gpt2-small", "pythia-70m-deduped", "llama-3.1-8b"} <= set(preset_names())
    for name in preset_names():
        preset = load_preset(name, home=tmp_path)
        assert preset.name == name
        assert preset.dtype in ("float32", "bfloat16")
        assert preset.default_prompt.endswith("\n")
        assert len({sae.sae_id for sae in preset.saes}) == len(preset.saes) >= 3
        root = presets.SHIPPED if name == "lab" else tmp_path / name
        assert all(sae.path == root / "saes" / sae.sae_id for sae in preset.saes)
        assert preset.build.parent == root
        assert all(sae.use in ("browse", "steer", "both") for sae in preset.saes)


def test_the_papers_model() -> None:
    preset = load_preset("gemma-2-9b")
    assert preset.model == "google/gemma-2-9b"
    assert {(sae.layer, sae.id) for sae in preset.saes} == {
        (9, "layer_9/width_1m/average_l0_122"),
        (20, "layer_20/width_1m/average_l0_101"),
        (31, "layer_31/width_1m/average_l0_77"),
        (26, "layer_26/width_16k/average_l0_116"),
    }


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no preset 'gemma'; known: lab, gemma-2-9b"):
        load_preset("gemma")


BROKEN = """
[odd]
title = "Odd"
model = "x/y"
dtype = "float32"
build = "b.duckdb"
default_prompt = "a\\n"
prompts = []
saes = [{ sae_id = "a/b", layer = 1 }]
[short]
title = "Short"
"""


def test_malformed_entries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "presets.toml").write_text(BROKEN)
    monkeypatch.setattr(presets, "PRESETS_FILE", tmp_path / "presets.toml")
    presets._file.cache_clear()
    try:
        with pytest.raises(ValueError, match="sae_id is 'a/b'"):
            load_preset("odd")
        with pytest.raises(ValueError, match=r"\[short\]: KeyError 'saes'"):
            load_preset("short")
    finally:
        presets._file.cache_clear()

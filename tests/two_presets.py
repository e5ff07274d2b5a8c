"""Two tiny presets, each with a model, SAEs and a build of its own, in a file of one's own."""

from pathlib import Path

import pytest

from backend.core.own import find_preset
from backend.serving.loading import stated_bytes
from backend.settings import Settings
from tests.once import made_once
from tests.tiny import tiny_model_dir, tiny_sae_dir
from tests.tiny_build import SAE_IDS, own_build, random_words

NAMES = ("one", "two")


def two_presets(factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """Their presets file: `one` is the tests' tiny model, `two` has other weights."""
    second = made_once(factory, "tiny-second", _second)
    folder = factory.mktemp("two-presets")
    entries = []
    for name, weights in zip(NAMES, (tiny_folder, second), strict=True):
        build = own_build(factory, f"of-{name}", weights, SAE_IDS, random_words(), n_tokens=3_000)
        saes = ", ".join(f'"{weights / "saes" / sae_id}"' for sae_id in SAE_IDS)
        entries.append(
            f'[{name}]\ntitle = "Tiny {name}"\nmodel = "{weights / "model"}"\n'
            f'saes = [{saes}]\nbuild = "{build}"\n'
        )
    file = folder / "presets.toml"
    file.write_text("\n".join(entries), encoding="utf-8")
    return file


def settings_of_two(file: Path, runs: Path, **changes: object) -> Settings:
    """`one` is the default; there is room for one of the two models."""
    needed = [stated_bytes(find_preset(name, file), None, None) or 0 for name in NAMES]
    own = {"preset": "one", "presets": file, "memory": max(needed), "runs": runs, "threads": 1}
    return Settings(**(own | changes))  # type: ignore[arg-type]


def _second(folder: Path) -> None:
    tiny_model_dir(folder, seed=1)
    for sae_id in SAE_IDS:
        tiny_sae_dir(folder, int(sae_id[-1]), seed=1)

"""Weights in packages: found as data, and unpacked once, with their notice first."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from backend.core.hub import ModelUnavailable
from backend.core.lm import LanguageModel
from backend.core.packages import Packaged
from backend.core.presets import Preset, load_preset
from backend.core.weights import model_source, why_absent
from tests.core.gguf.tiny_gguf import tiny

N_PIECES = 3


def install(site: Path, content: bytes, *, but: int = -1) -> None:
    """Packages `tiny-part0` … as pip lays them; none can be imported. `but`: not it."""
    size = -(-len(content) // N_PIECES)
    for part in (part for part in range(N_PIECES) if part != but):
        name, data = f"tiny_part{part}", content[part * size : (part + 1) * size]
        (site / name / "data").mkdir(parents=True)
        (site / name / "__init__.py").write_text("raise RuntimeError('imported')\n")
        (site / name / "data" / f"tiny.gguf.part0{part}").write_bytes(data)
        info = site / f"{name}-1.0.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: tiny-part{part}\nVersion: 1.0.0\n"
        )
        listed = [f"{name}/__init__.py,,", f"{name}/data/tiny.gguf.part0{part},,"]
        (info / "RECORD").write_text("\n".join([*listed, f"{info.name}/METADATA,,", ""]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "site").mkdir()
    yield tmp_path / "site"
    assert not [name for name in sys.modules if name.startswith("tiny_part")]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny("gemma3").write(tmp_path_factory.mktemp("tiny") / "tiny.gguf").read_bytes()


@pytest.fixture
def preset(content: bytes) -> Preset:
    names = tuple(f"tiny-part{part}" for part in range(N_PIECES))
    digest = sha256(content).hexdigest()
    packaged = Packaged(names, "tiny.gguf.part*", digest, "`make weights`")
    return replace(load_preset("gemma-3-270m"), weights=packaged)


def test_pieces_are_joined_and_unpacked_once_after_the_notice(
    site: Path, content: bytes, preset: Preset, tmp_path: Path
) -> None:
    install(site, content)
    said: list[str] = []
    folder = model_source(preset, home=tmp_path, report=said.append)
    assert said[0] == preset.licence
    assert said[1].startswith("unpacking the model, once: tiny, ")
    lm = LanguageModel.load(folder)
    assert lm.tokenize("the cat")[0] == lm.bos_id == 2
    again: list[str] = []
    assert model_source(preset, home=tmp_path, report=again.append) == folder
    assert again == []
    assert why_absent(preset, home=tmp_path) == ""


def test_a_piece_that_lacks_is_told_with_the_remedy_and_what_was_unpacked_stays(
    site: Path, content: bytes, preset: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    install(site, content, but=1)
    assert preset.weights is not None
    assert preset.weights.find() is None
    said = why_absent(preset, home=tmp_path)
    assert said.startswith(
        "its packages are not installed (`make weights`), and google/gemma-3-270m"
    )
    assert "huggingface.co cannot be reached" in said
    with pytest.raises(ModelUnavailable, match="its packages are not installed"):
        model_source(preset, home=tmp_path, report=print)
    install_missing = tmp_path / "whole"
    install_missing.mkdir()
    install(install_missing, content)
    monkeypatch.syspath_prepend(install_missing)
    folder = model_source(preset, home=tmp_path, report=print)
    monkeypatch.setattr(Packaged, "find", lambda _: None)
    assert model_source(preset, home=tmp_path, report=print) == folder


def test_a_damaged_piece_is_refused(
    site: Path, content: bytes, preset: Preset, tmp_path: Path
) -> None:
    install(site, content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelUnavailable, match="it is damaged or another file; install it again"):
        model_source(preset, home=tmp_path, report=print)

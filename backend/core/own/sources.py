"""What `--model` and `--sae` may be, and where it lies on this machine."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.core.gguf import GgufFile, packed_in
from backend.core.hub import complete_snapshot
from backend.core.presets import SAE_ID, Preset, SaeSource, load_preset, preset_names
from backend.core.sae.config import read_config
from backend.core.sae.file import CONFIG_FILE

USES = ("browse", "steer", "both")
_LOCAL = (".", "/", "~")  # how a path begins that cannot be a hub id


def packaged_preset(given: str, root: Path) -> Preset | None:
    """The preset of this package whose model is meant; None where a path or a hub id is given."""
    if given not in preset_names() or (root / Path(given).expanduser()).exists():
        return None
    return load_preset(given)


def model_path(given: str, root: Path) -> Path | None:
    """The folder or GGUF file that is meant; None for a hub id. ValueError for a path to nothing.

    `root`: what a relative path starts from.
    """
    path = root / Path(given).expanduser()
    if path.exists():
        return path.resolve()
    if given.startswith(_LOCAL) or given.endswith(".gguf") or given.count("/") > 1:
        raise ValueError(
            f"there is no model at {given!r}; allowed: a folder written by save_pretrained, a "
            ".gguf file, a hub id such as EleutherAI/pythia-70m, or the name of a preset."
        )
    return None


def sae_source(given: str, root: Path, home: Path, *, use: str = "both") -> SaeSource:
    """A folder, or RELEASE:ID of sae-lens, which lies below `home` once it is fetched.

    Its layer and width are None until then. ValueError for what is neither, or cannot be read.
    """
    folder = (root / Path(given).expanduser()).resolve()
    if folder.is_dir():
        return _of_folder(folder, use)
    release, colon, sae_lens_id = given.partition(":")
    if not colon or not release or not sae_lens_id or given.startswith(_LOCAL):
        raise ValueError(
            f"there is no SAE at {given!r}; allowed: a folder with cfg.json and "
            "sae_weights.safetensors, or RELEASE:ID as `functionscope saes` lists them."
        )
    path = home.expanduser() / "saes" / slug(release) / slug(sae_lens_id)
    if (path / CONFIG_FILE).exists():
        return _of_folder(path, use, release, sae_lens_id)
    return SaeSource(path.name, None, path, release, sae_lens_id, use)


def _of_folder(
    folder: Path, use: str, release: str | None = None, sae_lens_id: str | None = None
) -> SaeSource:
    """A build calls an SAE by its folder's name, so that is its id."""
    if not SAE_ID.fullmatch(folder.name):
        raise ValueError(
            f"the SAE folder {folder} has the name {folder.name!r}, which becomes its id in links; "
            "allowed: letters, digits, '.', '_' and '-': rename it."
        )
    config = read_config(folder / CONFIG_FILE)
    return SaeSource(
        folder.name, config.layer, folder, release, sae_lens_id, use, config.d_sae, config.l0
    )


def slug(text: str) -> str:
    """The text with every run of characters that a link would have to escape as one '-'."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "unnamed"


def mark(
    model: str, path: Path | None, revision: str | None, prompt: str, saes: Sequence[SaeSource]
) -> str:
    """Eight hex digits of what the preset is, the same in whichever folder it lies.

    Of the hub ids and revision, the configurations and sizes of local files; not of weights, which
    the model's fingerprint stands for once it is loaded.
    """
    stated = [_content(path) if path else f"{model}@{revision}", prompt]
    stated += sorted(
        f"{sae.release}:{sae.id}" if sae.release else f"{sae.sae_id} {_content(sae.path)}"
        for sae in saes
    )
    return hashlib.sha256("\n".join(stated).encode()).hexdigest()[:8]


def _content(path: Path) -> str:
    """Of a folder its configuration, of a file its name and size."""
    if path.is_file():
        return f"{path.name} {path.stat().st_size}"
    found = [path / name for name in ("config.json", CONFIG_FILE) if (path / name).exists()]
    return hashlib.sha256(b"".join(one.read_bytes() for one in found)).hexdigest()


def n_parameters(model: str, path: Path | None, revision: str | None) -> int:
    """Of the files that are here, by their headers; 0 where they are not, or say nothing."""
    packed = packed_in(path) if path else None
    if packed:
        with GgufFile(packed.pieces) as file:
            return sum(_product(one.shape) for one in file.tensors.values())
    folder = path or complete_snapshot(model, revision)
    return sum(map(_header_elements, folder.glob("*.safetensors"))) if folder else 0


def _header_elements(path: Path) -> int:
    """Elements of all arrays of a safetensors file; 0 for a damaged one, which loading refuses."""
    try:
        with path.open("rb") as file:
            header: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return sum(_product(one["shape"]) for name, one in header.items() if name[:2] != "__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError):
        return 0


def _product(shape: Sequence[int]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total

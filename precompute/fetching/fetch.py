"""Fetches models and SAEs from the hub and writes SAEs as the server reads them.

Sources: Gemma Scope's `params.npz`, every release that sae-lens knows, and SAELens folders.
Result: a folder with `cfg.json` + `sae_weights.safetensors`, put in place only when complete.
Importing sae-lens costs 6.5 seconds and 0.5 GB, so it happens only where it is needed.
"""

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import Tensor

from backend.core.hub import ModelUnavailable, complete_snapshot, explain_hub_error, require_hub
from backend.core.memory import in_words, require_memory
from backend.core.presets import Preset, SaeSource
from backend.core.sae import Sae
from backend.core.sae.config import layer_of
from backend.core.sae.file import CONFIG_FILE, WEIGHTS_FILE
from precompute.fetching.file import discard, download, is_cached, require_disk

GEMMA_SCOPE_PATH = re.compile(r"layer_(\d+)/width_(\w+)/average_l0_(\d+)")
CHUNK_ROWS = 256  # of a large matrix, read at a time: 1 GB of float32 at width 2^20
# TransformerLens options that leave the residual stream as it is
_HARMLESS = {"fold_ln", "center_unembed", "fold_value_biases", "dtype", "device", "n_devices"}


def fetch_preset(preset: Preset, *, report: Callable[[str], None], model: bool = True) -> None:
    """Everything that the preset names and this machine lacks. ModelUnavailable with the remedy."""
    dtype: torch.dtype = getattr(torch, preset.dtype)
    wanted = [source for source in preset.saes if not (source.path / CONFIG_FILE).exists()]
    for source in preset.saes:
        if source not in wanted:
            report(f"SAE {source.sae_id}: already at {source.path}")
    if model and not Path(preset.model).is_dir():
        here = complete_snapshot(preset.model, preset.revision)
        report(
            f"model {preset.model}: "
            + (f"already at {here}" if here else in_words(preset.model_bytes()))
        )
        if here is None:
            require_disk(Path(constants.HF_HUB_CACHE), preset.model_bytes(), preset.model)
            fetch_model(preset.model, preset.revision)
    for number, source in enumerate(wanted, start=1):
        size = 2 * (source.d_sae or 0) * preset.d_model * dtype.itemsize  # W_enc and W_dec
        require_disk(source.path, size, f"SAE {source.sae_id}")
        origin = f"{source.release} {source.id} -> {source.path}"
        report(f"SAE {number} of {len(wanted)}, {source.sae_id}, {in_words(size)}: {origin}")
        fetch_sae(source, dtype=dtype)


def fetch_model(source: str, revision: str | None = None) -> Path:
    """Into the Hugging Face cache, from where `LanguageModel.load` takes it.

    Safetensors if there are any.
    """
    from huggingface_hub import HfApi, snapshot_download

    require_hub(source)
    patterns = ["*.json", "*.txt", "*.model", "*.jinja"]
    try:
        files = HfApi().list_repo_files(source, revision=revision)
        weights = "*.safetensors" if any(f.endswith(".safetensors") for f in files) else "*.bin"
        kept = [f for f in files if "/" not in f]  # sub-folders hold other formats
        folder = snapshot_download(
            source,
            revision=revision,
            allow_patterns=[*patterns, weights],
            ignore_patterns=[f for f in files if f not in kept],
        )
    except Exception as error:  # whatever the network or the hub raises, said in one sentence
        raise ModelUnavailable(explain_hub_error(source, error)) from error
    return Path(folder)


def fetch_sae(source: SaeSource, *, dtype: torch.dtype) -> Path:
    """Downloads and converts one SAE of a sae-lens release.

    ModelUnavailable or ValueError says why not.
    """
    if source.release is None or source.id is None:
        raise ModelUnavailable(
            f"The SAE {source.sae_id} is not public and is not at {source.path}: "
            "restore the folder, or make it with `functionscope precompute train-sae`."
        )
    try:
        from sae_lens.loading.pretrained_saes_directory import (
            get_pretrained_saes_directory,
            get_repo_id_and_folder_name,
        )
    except ImportError as error:
        raise ModelUnavailable(
            f"Fetching {source.sae_id} needs sae-lens ({error}): pip install "
            "'functionscope[precompute]'."
        ) from error

    directory = get_pretrained_saes_directory()
    known = directory[source.release].saes_map if source.release in directory else {}
    if source.id not in known:
        near = [one for one in known if one.split("/")[0] == source.id.split("/")[0]] or list(known)
        raise ValueError(
            f"sae-lens {version('sae-lens')} knows no SAE {source.release} / {source.id}"
            + (f"; for instance: {', '.join(near[:6])}." if near else ": no such release.")
        )
    repo, path = get_repo_id_and_folder_name(source.release, source.id)
    if directory[source.release].conversion_func == "gemma_2":
        params = download(repo, f"{path}/params.npz")
        origin = {"release": source.release, "sae_lens_id": source.id, "repo_id": repo}
        folder = convert_gemma_scope(params, source.path, dtype=dtype, path=path, origin=origin)
        discard(params)
    else:
        l0 = directory[source.release].expected_l0.get(source.id) or None  # 0.0 stands for unknown
        folder = convert_release(source, dtype=dtype, l0=l0, cached=is_cached(repo, path))
    found = Sae.check(folder).layer
    if found != source.layer:
        raise ValueError(f"{source.sae_id} reads layer {found}; the preset says {source.layer}.")
    return folder


def convert_gemma_scope(
    params: Path,
    folder: Path,
    *,
    dtype: torch.dtype,
    path: str | None = None,
    origin: dict[str, str] | None = None,
) -> Path:
    """A Gemma Scope residual SAE: `…/layer_N/width_W/average_l0_L/params.npz` -> `folder`.

    Layer and L0 (the publisher's average) come from `path`, by default from where the file lies.
    Matrices are converted a few rows at a time: at width 2^20 one is 15 GB in float32.
    """
    named = GEMMA_SCOPE_PATH.search(path or params.as_posix())
    if named is None:
        raise ValueError(
            f"{path or params} is not a Gemma Scope path; needed: "
            "layer_N/width_W/average_l0_L/params.npz."
        )
    layer, l0 = int(named[1]), float(named[3])
    # held whole before it is written; the .npz is float32 and not compressed
    require_memory(f"Converting {params}", params.stat().st_size * dtype.itemsize // 4, "cpu")
    weights = {
        name: _npz_tensor(params, name, dtype) for name in ("W_enc", "b_enc", "W_dec", "b_dec")
    }
    weights["threshold"] = _npz_tensor(params, "threshold", torch.float32)
    config = _config("jumprelu", weights, dtype, apply_b_dec_to_input=False) | {
        "metadata": {
            "hook_name": f"blocks.{layer}.hook_resid_post",
            "l0": l0,
            "l0_source": "published average",
            **(origin or {}),
        }
    }
    return _publish(folder, config, weights)


def convert_release(
    source: SaeSource, *, dtype: torch.dtype, l0: float | None = None, cached: bool = False
) -> Path:
    """Any other release, loaded by sae-lens itself, so that its own fix-ups apply.

    `l0`: as published.

    `cached`: its files are in the hub's cache, so the hub need not answer.
    """
    from sae_lens import SAE

    if not cached:
        require_hub(f"{source.release} / {source.id}")
    try:
        sae = SAE.from_pretrained(
            str(source.release), str(source.id), device="cpu", dtype="float32"
        )
    except Exception as error:
        raise ModelUnavailable(
            explain_hub_error(f"{source.release} / {source.id}", error)
        ) from error
    origin: dict[str, Any] = {"release": source.release, "sae_lens_id": source.id}
    if l0 is not None:
        origin |= {"l0": l0, "l0_source": "published average"}
    return _write_sae_lens(sae, source.path, dtype, origin)


def convert_folder(saved: Path, folder: Path, *, dtype: torch.dtype) -> Path:
    """A folder that sae-lens saved, checked and rewritten in `dtype`."""
    from sae_lens import SAE

    if not (saved / CONFIG_FILE).exists():
        raise ValueError(f"No {saved / CONFIG_FILE}: needed: a folder saved by sae-lens.")
    return _write_sae_lens(SAE.load_from_disk(saved, dtype="float32"), folder, dtype, {})


def _write_sae_lens(sae: Any, folder: Path, dtype: torch.dtype, origin: dict[str, Any]) -> Path:
    raw = sae.cfg.to_dict()
    weights = {name: tensor.detach().float() for name, tensor in sae.state_dict().items()}
    metadata = dict(raw.get("metadata") or {})
    options = metadata.pop("model_from_pretrained_kwargs", None) or {}
    unknown = (
        {name for name, value in options.items() if value} - _HARMLESS - {"center_writing_weights"}
    )
    if unknown:
        raise ValueError(
            f"{folder.name} wants a model loaded with {sorted(unknown)}: not supported."
        )
    if options.get("center_writing_weights"):
        weights = fold_centring(weights, applies_b_dec=bool(raw["apply_b_dec_to_input"]))
        metadata["centring"] = "folded into W_enc and b_enc"
    raw |= {"dtype": _name(dtype), "device": "cpu", "metadata": metadata | origin}
    cast = {name: tensor.to(dtype) for name, tensor in weights.items()}
    if "threshold" in cast:
        cast["threshold"] = weights["threshold"]
    return _publish(folder, raw, cast)


def fold_centring(weights: dict[str, Tensor], *, applies_b_dec: bool) -> dict[str, Tensor]:
    """An SAE of a stream whose mean over d_model was removed, made to read the stream as it is.

    With C the centring, (C h - b) W + b_enc = (h - b) CW + b_enc - (b - C b) W. Exact.
    """
    W_enc, b_enc, b_dec = (weights[name].double() for name in ("W_enc", "b_enc", "b_dec"))
    folded = b_enc - (b_dec.mean() * W_enc.sum(0) if applies_b_dec else 0.0)
    return weights | {
        "W_enc": (W_enc - W_enc.mean(0, keepdim=True)).float(),
        "b_enc": folded.float(),
    }


def _npz_tensor(path: Path, name: str, dtype: torch.dtype) -> Tensor:
    """One array of an .npz, a few rows at a time; pickled objects are refused, never loaded."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            major, _ = np.lib.format.read_magic(file)
            header = {
                1: np.lib.format.read_array_header_1_0,
                2: np.lib.format.read_array_header_2_0,
            }
            shape, fortran, kind = header[major](file)
            if kind.hasobject or fortran or not 1 <= len(shape) <= 2:
                raise ValueError(f"shape {shape}, dtype {kind}, fortran_order {fortran}")
            tensor = torch.empty(shape, dtype=dtype)
            width = int(np.prod(shape[1:], dtype=np.int64)) * kind.itemsize
            for row in range(0, shape[0], step := CHUNK_ROWS if len(shape) == 2 else shape[0]):
                rows = min(step, shape[0] - row)
                part = np.frombuffer(file.read(rows * width), dtype=kind).reshape(rows, *shape[1:])
                tensor[row : row + rows] = torch.from_numpy(part.astype(np.float32))
            return tensor
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: {name} is not readable as a plain float array ({error})."
        ) from error


def _config(
    architecture: str, weights: dict[str, Tensor], dtype: torch.dtype, *, apply_b_dec_to_input: bool
) -> dict[str, Any]:
    d_model, d_sae = weights["W_enc"].shape
    return {
        "architecture": architecture,
        "d_in": d_model,
        "d_sae": d_sae,
        "dtype": _name(dtype),
        "device": "cpu",
        "apply_b_dec_to_input": apply_b_dec_to_input,
        "normalize_activations": "none",
        "reshape_activations": "none",
    }


def _publish(folder: Path, config: dict[str, Any], weights: dict[str, Tensor]) -> Path:
    """Written beside, checked as the server will check it, then put in place."""
    layer_of(str(config["metadata"].get("hook_name")), folder / CONFIG_FILE)
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        save_file(
            {name: tensor.contiguous() for name, tensor in weights.items()}, new / WEIGHTS_FILE
        )
        (new / CONFIG_FILE).write_text(json.dumps(config, indent=1))
        Sae.check(new)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

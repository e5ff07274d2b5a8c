"""Published SAEs, written as the server reads them: Gemma Scope's arrays, sae-lens releases,
folders of any sae-lens.

Result: a folder with `cfg.json` + `sae_weights.safetensors`, put in place only when complete.
Importing sae-lens costs 6.5 seconds and 0.5 GB, so it happens only where it is needed.
"""

import json
import re
import shutil
import warnings
import zipfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from backend.core.hub import ModelUnavailable, explain_hub_error, require_hub
from backend.core.memory import require_memory
from backend.core.presets import SaeSource
from backend.core.sae import Sae
from backend.core.sae.config import SaeConfig, layer_of, read_json, stated_config
from backend.core.sae.file import (
    CONFIG_FILE,
    IN_FLOAT32,
    WEIGHTS_FILE,
    check_arrays,
    require_finite,
)
from backend.core.sae.keys import CENTRED, SAME_STREAM

GEMMA_SCOPE_PATH = re.compile(r"layer_(\d+)/width_(\w+)/average_l0_(\d+)")
CHUNK_ROWS = 256  # of a large matrix, read at a time: 1 GB of float32 at width 2^20
# what sae-lens takes where an older cfg.json says nothing
_DEFAULTS = {
    "architecture": "standard",
    "apply_b_dec_to_input": True,
    "normalize_activations": "none",
}


def convert_gemma_scope(
    params: Path,
    folder: Path,
    *,
    dtype: torch.dtype,
    hook_name: str,
    path: str | None = None,
    origin: dict[str, str] | None = None,
) -> Path:
    """A Gemma Scope residual SAE: `…/layer_N/width_W/average_l0_L/params.npz` -> `folder`.

    hook_name: as the release has it, since SAEs of the MLP lie under the same paths and are as
    wide. The L0 (the publisher's average) comes from `path`, by default from where the file lies.
    """
    named = GEMMA_SCOPE_PATH.search(path or params.as_posix())
    if named is None:
        raise ValueError(
            f"{path or params} is not a Gemma Scope path; needed: "
            "layer_N/width_W/average_l0_L/params.npz."
        )
    require_residual(hook_name, path or str(params))
    l0 = float(named[3])
    # held whole before it is written, a few rows at a time; the .npz is float32 and not compressed
    require_memory(f"Converting {params}", params.stat().st_size * dtype.itemsize // 4, "cpu")
    weights = {
        name: _npz_tensor(params, name, dtype) for name in ("W_enc", "b_enc", "W_dec", "b_dec")
    }
    weights["threshold"] = _npz_tensor(params, "threshold", torch.float32)
    config = _config("jumprelu", weights, dtype, apply_b_dec_to_input=False) | {
        "metadata": {
            "hook_name": hook_name,
            "l0": l0,
            "l0_source": "published average",
            **(origin or {}),
        }
    }
    return _publish(folder, config, weights)


def convert_release(
    source: SaeSource,
    *,
    dtype: torch.dtype,
    l0: float | None = None,
    cached: bool = False,
    origin: dict[str, Any] | None = None,
) -> Path:
    """Any other release, loaded by sae-lens itself, so that its own fix-ups apply. `l0`: as
    published.

    `cached`: its files are in the hub's cache, so the hub need not answer. `origin`: what else the
    SAE's metadata is to say.
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
    origin = {"release": source.release, "sae_lens_id": source.id, **(origin or {})}
    if l0 is not None:
        origin |= {"l0": l0, "l0_source": "published average"}
    said = sae.cfg.to_dict()
    require_residual(
        str((said.get("metadata") or {}).get("hook_name")), f"{source.release} / {source.id}"
    )
    return _write_sae_lens(sae, said, source.path, dtype, origin)


def convert_folder(saved: Path, folder: Path, *, dtype: torch.dtype) -> Path:
    """A folder that any sae-lens saved, as this program reads it, in `dtype`. ValueError says why
    not.

    sae-lens reads it, and drops what it does not know; so the result must be what cfg.json says by
    our own reading.
    """
    from sae_lens import SAE

    raw = read_json(saved / CONFIG_FILE)
    filled = raw | {name: value for name, value in _DEFAULTS.items() if raw.get(name) is None}
    stated, centred = stated_config(filled, saved / CONFIG_FILE)
    check_arrays(saved, stated)
    try:
        with (
            warnings.catch_warnings()
        ):  # it asks for a model with options, which are folded in or change nothing
            warnings.simplefilter("ignore", UserWarning)
            sae = SAE.load_from_disk(saved, dtype="float32")
    except Exception as error:  # whatever it raises
        raise ValueError(f"sae-lens {version('sae-lens')} cannot read {saved}: {error}") from error
    said = sae.cfg.to_dict()
    # the site from our reading: of a folder without a version sae-lens takes the top level alone
    said["metadata"] |= stated.metadata | {"hook_name": stated.hook_name}
    said["metadata"]["model_from_pretrained_kwargs"] = {CENTRED: centred}
    said["metadata"]["sae_lens_version"] = version("sae-lens")
    return _write_sae_lens(sae, said, folder, dtype, {}, stated)


def require_residual(hook_name: str, what: str) -> None:
    """ValueError unless the hook is the residual stream after a decoder layer."""
    try:
        layer_of(hook_name, Path(what))
    except ValueError:
        raise ValueError(
            f"{what} reads {hook_name}; only SAEs of the residual stream after a decoder layer "
            "can be read (blocks.N.hook_resid_post, or blocks.N.hook_resid_pre with N ≥ 1)."
        ) from None


def _write_sae_lens(
    sae: Any,
    raw: dict[str, Any],
    folder: Path,
    dtype: torch.dtype,
    origin: dict[str, Any],
    stated: SaeConfig | None = None,
) -> Path:
    weights = {name: tensor.detach().float() for name, tensor in sae.state_dict().items()}
    metadata = dict(raw.get("metadata") or {})
    options = metadata.pop("model_from_pretrained_kwargs", None) or {}
    unknown = {name for name, value in options.items() if value} - SAME_STREAM - {CENTRED}
    if unknown:
        raise ValueError(
            f"{folder.name} wants a model loaded with {sorted(unknown)}: not supported."
        )
    if options.get(CENTRED) and "b_enc" not in weights:
        raise ValueError(f"{folder.name} reads a stream whose mean was subtracted, and is gated.")
    if options.get(CENTRED):
        weights = fold_centring(weights, applies_b_dec=bool(raw["apply_b_dec_to_input"]))
        metadata["centring"] = "folded into W_enc and b_enc"
    raw |= {"dtype": _name(dtype), "device": "cpu", "metadata": metadata | origin}
    cast = {name: tensor.to(dtype) for name, tensor in weights.items()}
    cast |= {name: weights[name] for name in IN_FLOAT32 & weights.keys()}
    return _publish(folder, raw, cast, stated)


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


def _publish(
    folder: Path,
    config: dict[str, Any],
    weights: dict[str, Tensor],
    stated: SaeConfig | None = None,
) -> Path:
    """Written beside, checked as the server will check it, then put in place. `stated`: what it
    must say.
    """
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        save_file(
            {name: tensor.contiguous() for name, tensor in weights.items()}, new / WEIGHTS_FILE
        )
        (new / CONFIG_FILE).write_text(json.dumps(config, indent=1))
        found = Sae.check(new)
        for name, tensor in weights.items():
            require_finite(folder, name, tensor)
        if stated is not None and replace(found, metadata=stated.metadata) != stated:
            raise ValueError(f"sae-lens reads {found} where cfg.json says {stated}.")
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

"""Fetches models and SAEs from the hub: Gemma Scope's `params.npz`, and every release that sae-lens
knows.
"""

from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from backend.core.disk import require_disk
from backend.core.hub import ModelUnavailable
from backend.core.memory import in_words
from backend.core.presets import Preset, SaeSource
from backend.core.sae import Sae
from backend.core.sae.file import CONFIG_FILE
from precompute.fetching.convert import convert_gemma_scope, convert_release, require_residual
from precompute.fetching.file import discard, download, is_cached
from precompute.fetching.model import fetch_model_of


def fetch_preset(preset: Preset, *, report: Callable[[str], None], model: bool = True) -> None:
    """Everything that the preset names and this machine lacks. ModelUnavailable with the remedy."""
    dtype: torch.dtype = getattr(torch, preset.dtype)
    wanted = [source for source in preset.saes if not (source.path / CONFIG_FILE).exists()]
    for source in preset.saes:
        if source not in wanted:
            report(f"SAE {source.sae_id}: already at {source.path}")
    if model:
        fetch_model_of(preset, report)
    for number, source in enumerate(wanted, start=1):
        # W_enc and W_dec; of an unknown width nothing is known before
        size = 2 * (source.d_sae or 0) * preset.d_model * dtype.itemsize
        require_disk(source.path, size, f"SAE {source.sae_id}")
        needs = f", {in_words(size)}" if size else ""
        origin = f"{source.release} {source.id} -> {source.path}"
        report(f"SAE {number} of {len(wanted)}, {source.sae_id}{needs}: {origin}")
        fetch_sae(source, dtype=dtype)


def fetch_sae(source: SaeSource, *, dtype: torch.dtype) -> Path:
    """Downloads and converts one SAE of a sae-lens release.

    ModelUnavailable or ValueError says why not.
    """
    if source.release is None or source.id is None:
        raise ModelUnavailable(
            f"The SAE {source.sae_id} is not public and is not at {source.path}: "
            "restore the folder, or make it with `functionscope precompute train-sae`."
        )
    loaders, directories = _sae_lens(source.sae_id)
    directory = directories.get_pretrained_saes_directory()
    known = directory[source.release].saes_map if source.release in directory else {}
    if source.id not in known:
        near = [one for one in known if one.split("/")[0] == source.id.split("/")[0]] or list(known)
        raise ValueError(
            f"sae-lens {version('sae-lens')} knows no SAE {source.release} / {source.id}"
            + (f"; for instance: {', '.join(near[:6])}." if near else ": no such release.")
        )
    repo, path = directories.get_repo_id_and_folder_name(source.release, source.id)
    elsewhere = _elsewhere(directory.values(), repo, path)
    if directory[source.release].conversion_func == "gemma_2":
        hook_name = str(loaders.get_gemma_2_config_from_hf(repo, path, "cpu")["hook_name"])
        require_residual(hook_name, f"{source.release} / {source.id}")
        params = download(repo, f"{path}/params.npz")
        origin = {"release": source.release, "sae_lens_id": source.id, "repo_id": repo}
        origin |= elsewhere
        folder = convert_gemma_scope(
            params, source.path, dtype=dtype, hook_name=hook_name, path=path, origin=origin
        )
        discard(params)
    else:
        l0 = directory[source.release].expected_l0.get(source.id) or None  # 0.0 stands for unknown
        folder = convert_release(
            source, dtype=dtype, l0=l0, cached=is_cached(repo, path), origin=elsewhere
        )
    return _of_its_layer(folder, source)


def _elsewhere(releases: Iterable[Any], repo: str, path: str) -> dict[str, str]:
    """The id that Neuronpedia has for these files. It may stand at another name of theirs alone, as
    Gemma Scope's canonical ones.
    """
    for release in releases:
        named = release.neuronpedia_id or {}
        if release.repo_id == repo:
            for sae_id, place in release.saes_map.items():
                if place == path and named.get(sae_id):
                    return {"neuronpedia_id": named[sae_id]}
    return {}


def _sae_lens(sae_id: str) -> tuple[Any, Any]:
    """Its loaders, and its list of what is published; ModelUnavailable where it is missing."""
    try:
        from sae_lens.loading import pretrained_sae_loaders, pretrained_saes_directory
    except ImportError as error:
        raise ModelUnavailable(
            f"Fetching {sae_id} needs sae-lens ({error}): pip install 'functionscope[precompute]'."
        ) from error
    return pretrained_sae_loaders, pretrained_saes_directory


def _of_its_layer(folder: Path, source: SaeSource) -> Path:
    found = Sae.check(folder).layer
    if source.layer is not None and found != source.layer:
        raise ValueError(f"{source.sae_id} reads layer {found}; the preset says {source.layer}.")
    return folder

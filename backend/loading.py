"""What a live server holds in memory: one model, its SAEs, and the hashes that identify them."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError

from backend.core.hub import ModelUnavailable
from backend.core.lm import LanguageModel
from backend.core.memory import DoesNotFit, require_memory
from backend.core.presets import Preset
from backend.core.sae import Sae
from backend.fingerprints import HASH_LENGTH, MODEL_FILES, SAE_FILES, folder_hash, hub_snapshot, snapshot_hash

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A model and the SAEs that read it. `fingerprint` and `sae_hashes` are hex digests."""

    lm: LanguageModel
    saes: dict[str, Sae]
    fingerprint: str
    sae_hashes: dict[str, str]
    files: dict[str, dict[str, str]] = field(default_factory=dict)  # "model" or sae_id -> file name -> sha256
    damaged: dict[str, str] = field(default_factory=dict)  # sae_id -> what is wrong with its files, and the remedy
    texts: dict[int, str] = field(default_factory=dict)  # decoded tokens, filled as they are asked for

    def text(self, token_id: int) -> str:
        """The token decoded alone."""
        known = self.texts.get(token_id)
        if known is None:
            known = self.texts[token_id] = self.lm.token_text(token_id)
        return known


def load_preset_models(preset: Preset, *, device: str, dtype: str | None, threads: int) -> Loaded:
    """Read the preset's model and every SAE of it that is on this machine.

    Raises ModelUnavailable for the model. An SAE that is damaged or does not fit is left out, and named in `damaged`.
    """
    torch.set_num_threads(threads)
    torch_dtype: torch.dtype = getattr(torch, dtype or preset.dtype)
    try:
        require_memory(preset.model, preset.n_parameters * torch_dtype.itemsize, device)
        lm = LanguageModel.load(preset.model, revision=preset.revision, dtype=torch_dtype, device=device)
    except DoesNotFit as error:
        raise ModelUnavailable(str(error)) from error
    except SafetensorError as error:
        again = "fetch or copy it again"
        raise ModelUnavailable(
            f"The weights in {preset.model} are damaged or incomplete ({error}): {again}."
        ) from error
    saes, hashes, damaged = {}, {}, {}
    fingerprint, model_files = _model_fingerprint(preset, lm)
    files = {"model": model_files}
    for source in preset.saes:
        if not source.path.is_dir():
            continue
        try:
            sae = Sae.load(source.path, device=device, dtype=torch_dtype, sae_id=source.sae_id)
            check_fit(sae, lm)
        except DoesNotFit as error:
            damaged[source.sae_id] = str(error)
            log.error("SAE left out", extra={"sae_id": source.sae_id, "reason": str(error)})
            continue
        except (ValueError, OSError) as error:
            damaged[source.sae_id] = f"{error} Fetch or copy {source.path} again; the other SAEs work without it."
            log.error("SAE left out", extra={"sae_id": source.sae_id, "reason": str(error)})
            continue
        saes[source.sae_id] = sae
        hashes[source.sae_id], files[source.sae_id] = folder_hash(source.path, SAE_FILES)
    return Loaded(lm, saes, fingerprint, hashes, files, damaged)


def loaded_of(lm: LanguageModel, saes: dict[str, Sae], fingerprint: str, sae_hashes: dict[str, str]) -> Loaded:
    """Check that every SAE fits the model; ValueError names the one that does not."""
    for sae in saes.values():
        check_fit(sae, lm)
    return Loaded(lm, saes, fingerprint, sae_hashes)


def check_fit(sae: Sae, lm: LanguageModel) -> None:
    """ValueError unless the SAE reads a layer that the model has, of its width."""
    if sae.d_model != lm.d_model or sae.layer >= lm.n_layers:
        raise ValueError(
            f"{sae.sae_id} reads layer {sae.layer} of width {sae.d_model}; the model has layers 0 to "
            f"{lm.n_layers - 1} of width {lm.d_model}."
        )


def _model_fingerprint(preset: Preset, lm: LanguageModel) -> tuple[str, dict[str, str]]:
    """By content, with each file's SHA-256; by name and commit where a hub model's files cannot be found."""
    if Path(preset.model).is_dir():
        return folder_hash(Path(preset.model), MODEL_FILES)
    commit = getattr(lm.model.config, "_commit_hash", None) or preset.revision
    snapshot = hub_snapshot(preset.model, commit)
    if snapshot is not None:
        return snapshot_hash(snapshot)
    return hashlib.sha256(f"{preset.model}@{commit or 'unknown revision'}".encode()).hexdigest()[:HASH_LENGTH], {}

"""What a live server holds in memory: one model, its SAEs, and the hashes that identify them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import torch

from backend.core.lm import LanguageModel
from backend.core.presets import Preset
from backend.core.sae import Sae

# What determines a result, beside the request: weights, their configuration, and the tokenizer.
MODEL_FILES = (
    "*.safetensors",
    "*.bin",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "chat_template*",
)
SAE_FILES = ("cfg.json", "*.safetensors")
HASH_LENGTH = 16  # hex digits


@dataclass(frozen=True)
class Loaded:
    """A model and the SAEs that read it. `fingerprint` and `sae_hashes` are hex digests."""

    lm: LanguageModel
    saes: dict[str, Sae]
    fingerprint: str
    sae_hashes: dict[str, str]
    texts: dict[int, str] = field(default_factory=dict)  # decoded tokens, filled as they are asked for

    def text(self, token_id: int) -> str:
        """The token decoded alone."""
        known = self.texts.get(token_id)
        if known is None:
            known = self.texts[token_id] = self.lm.token_text(token_id)
        return known


def load_preset_models(preset: Preset, *, device: str, dtype: str | None, threads: int) -> Loaded:
    """Read the preset's model and every SAE of it that is on this machine.

    Raises ModelUnavailable for the model and ValueError for an SAE that is there but damaged.
    """
    torch.set_num_threads(threads)
    torch_dtype: torch.dtype = getattr(torch, dtype or preset.dtype)
    lm = LanguageModel.load(preset.model, revision=preset.revision, dtype=torch_dtype, device=device)
    saes = {
        source.sae_id: Sae.load(source.path, device=device, dtype=torch_dtype, sae_id=source.sae_id)
        for source in preset.saes
        if source.path.is_dir()
    }
    hashes = {source.sae_id: folder_hash(source.path, SAE_FILES) for source in preset.saes if source.sae_id in saes}
    return loaded_of(lm, saes, _model_fingerprint(preset, lm), hashes)


def loaded_of(lm: LanguageModel, saes: dict[str, Sae], fingerprint: str, sae_hashes: dict[str, str]) -> Loaded:
    """Check that every SAE fits the model; ValueError names the one that does not."""
    for sae in saes.values():
        if sae.d_model != lm.d_model or sae.layer >= lm.n_layers:
            raise ValueError(
                f"{sae.sae_id} reads layer {sae.layer} of width {sae.d_model}; the model has layers 0 to "
                f"{lm.n_layers - 1} of width {lm.d_model}."
            )
    return Loaded(lm, saes, fingerprint, sae_hashes)


def folder_hash(folder: Path, patterns: tuple[str, ...]) -> str:
    """SHA-256 over the names and contents of the matching files of a folder, in name order."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()[:HASH_LENGTH]


def _model_fingerprint(preset: Preset, lm: LanguageModel) -> str:
    """Of the files of a folder; of a hub model its commit, which says the same without reading 18 GB."""
    if Path(preset.model).is_dir():
        return folder_hash(Path(preset.model), MODEL_FILES)
    commit = getattr(lm.model.config, "_commit_hash", None) or preset.revision or "unknown revision"
    return hashlib.sha256(f"{preset.model}@{commit}".encode()).hexdigest()[:HASH_LENGTH]

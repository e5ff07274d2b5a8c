"""What a live server holds in memory: one model, its SAEs, and the hashes that identify them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

import torch

from backend.core import memory
from backend.core.fingerprints import (
    HASH_LENGTH,
    MODEL_FILES,
    SAE_FILES,
    folder_hash,
    hub_snapshot,
    recorded_hash,
    snapshot_hash,
)
from backend.core.fit import NotReadSo, require_belongs
from backend.core.gguf import is_unpacked, to_stderr
from backend.core.hub import ModelUnavailable
from backend.core.lm import LanguageModel
from backend.core.lm.prefixes import Prefixes
from backend.core.memory import DoesNotFit, require_memory, sae_bytes
from backend.core.presets import Preset, SaeSource
from backend.core.sae import Sae
from backend.core.sae.paging import PagedSae, Pager
from backend.core.weights import model_source

log = logging.getLogger(__name__)
PREFIX_ROOM = 1 << 28  # bytes of what is kept of prompts' prefixes
PAGED_SHARE = 0.8  # of what is free, for SAEs that do not fit into it: the rest is for live work


@dataclass(frozen=True)
class Loaded:
    """A model and the SAEs that read it. `fingerprint` and `sae_hashes` are hex digests."""

    lm: LanguageModel
    saes: dict[str, Sae]
    fingerprint: str
    sae_hashes: dict[str, str]
    # "model" or sae_id -> file name -> sha256
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    # sae_id -> what is wrong with its files, and the remedy
    damaged: dict[str, str] = field(default_factory=dict)
    pager: Pager | None = None  # of SAEs that do not all fit
    prefix_room: int = PREFIX_ROOM
    texts: dict[int, str] = field(
        default_factory=dict
    )  # decoded tokens, filled as they are asked for

    @cached_property
    def n_bytes(self) -> int:
        """Of the weights of the model and its SAEs; of SAEs that are paged, what they may take."""
        weights = [*self.lm.model.parameters(), *self.lm.model.buffers()]
        ours: int = sum(one.numel() * one.element_size() for one in weights)
        return ours + (
            self.pager.budget if self.pager else sum(map(_held_bytes, self.saes.values()))
        )

    @cached_property
    def prefixes(self) -> Prefixes:
        """Prefixes of prompts, each run once."""
        return Prefixes(self.lm, self.prefix_room)

    def text(self, token_id: int) -> str:
        """The token decoded alone."""
        known = self.texts.get(token_id)
        if known is None:
            known = self.texts[token_id] = self.lm.token_text(token_id)
        return known


def load_preset_models(
    preset: Preset,
    *,
    device: str,
    dtype: str | None,
    threads: int,
    sae_budget: int | None = None,
    report: Callable[[str], None] = to_stderr,
) -> Loaded:
    """Read the preset's model and every SAE of it that is here. `report`: what takes long.

    SAEs that do not all fit into `sae_budget` bytes of the device (None: into what is free) are
    paged. Raises ModelUnavailable for the model. An SAE that is damaged or does not fit is left
    out, and named in `damaged`.
    """
    torch.set_num_threads(threads)
    torch_dtype: torch.dtype = getattr(torch, dtype or preset.dtype)
    lm = _load_model(preset, torch_dtype, device, report)
    saes, hashes, damaged = {}, {}, {}
    fingerprint, model_files = _model_fingerprint(preset, lm)
    files = {"model": model_files}
    pager = pager_for(preset, sae_budget, device, torch_dtype)
    for source in preset.saes:
        if not source.path.is_dir():
            continue
        try:
            sae = _load(source, pager, device, torch_dtype)
            require_belongs(sae, lm)
        except (DoesNotFit, NotReadSo) as error:
            damaged[source.sae_id] = str(error)
            log.error("SAE left out", extra={"sae_id": source.sae_id, "reason": str(error)})
            continue
        except (ValueError, OSError) as error:
            damaged[source.sae_id] = (
                f"{error} Fetch or copy {source.path} again; the other SAEs work without it."
            )
            log.error("SAE left out", extra={"sae_id": source.sae_id, "reason": str(error)})
            continue
        saes[source.sae_id] = sae
        hashes[source.sae_id], files[source.sae_id] = folder_hash(source.path, SAE_FILES)
    return Loaded(lm, saes, fingerprint, hashes, files, damaged, pager)


def _load_model(
    preset: Preset, dtype: torch.dtype, device: str, report: Callable[[str], None]
) -> LanguageModel:
    try:
        require_memory(preset.model, preset.n_parameters * dtype.itemsize, device)
        source = model_source(preset, report=report)
        return LanguageModel.load(source, revision=preset.revision, dtype=dtype, device=device)
    except DoesNotFit as error:
        raise ModelUnavailable(str(error)) from error


def _load(source: SaeSource, pager: Pager | None, device: str, dtype: torch.dtype) -> Sae:
    if pager is None:
        return Sae.load(source.path, device=device, dtype=dtype, sae_id=source.sae_id)
    return PagedSae.paged(source.path, pager, device=device, dtype=dtype, sae_id=source.sae_id)


def pager_for(preset: Preset, budget: int | None, device: str, dtype: torch.dtype) -> Pager | None:
    """None when all SAEs of the preset that are here fit into the budget,
    or into what is free, at once.
    """
    needed = _saes_bytes(preset, dtype)
    there = memory.available_bytes(device) if budget is None else budget
    if there is None or needed <= there:
        return None
    return Pager(budget if budget is not None else int(PAGED_SHARE * there))


def stated_bytes(preset: Preset, dtype: str | None, sae_budget: int | None) -> int | None:
    """What the preset's model will take with its SAEs, by their files; None where the preset does
    not know its model's size.
    """
    torch_dtype: torch.dtype = getattr(torch, dtype or preset.dtype)
    if not preset.n_parameters:
        return None
    saes = _saes_bytes(preset, torch_dtype)
    most = saes if sae_budget is None else min(saes, sae_budget)
    return preset.n_parameters * torch_dtype.itemsize + most


def _saes_bytes(preset: Preset, dtype: torch.dtype) -> int:
    """All SAEs of the preset that are here."""
    needed = 0
    for source in preset.saes:
        with suppress(ValueError, OSError):  # a damaged one is reported when it is loaded
            config = Sae.check(source.path)
            needed += sae_bytes(config.d_model, config.d_sae, dtype.itemsize)
    return needed


def _held_bytes(sae: Sae) -> int:
    return sae_bytes(sae.d_model, sae.d_sae, sae.W_enc.element_size())


def _model_fingerprint(preset: Preset, lm: LanguageModel) -> tuple[str, dict[str, str]]:
    """By content, with each file's SHA-256;
    by name and commit where a hub model's files cannot be found.
    """
    if lm.folder is not None:
        if is_unpacked(lm.folder):
            return recorded_hash(lm.folder)
        return folder_hash(lm.folder, MODEL_FILES)
    commit = getattr(lm.model.config, "_commit_hash", None) or preset.revision
    snapshot = hub_snapshot(preset.model, commit)
    if snapshot is not None:
        return snapshot_hash(snapshot)
    return hashlib.sha256(f"{preset.model}@{commit or 'unknown revision'}".encode()).hexdigest()[
        :HASH_LENGTH
    ], {}

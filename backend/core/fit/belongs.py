"""Where in a text an SAE says that it was trained: as texts are read here, or refused by name.

Here every text begins with the model's BOS, where it has one, and is read at every position that is
not a special token's.
"""

from __future__ import annotations

from typing import Any

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.sae.config import read_json
from backend.core.sae.file import CONFIG_FILE

WHOLE: tuple[list[int | None], ...] = (
    [],
    [None],
    [0],
    [1],
)  # seqpos_slice: everything, but for BOS perhaps


class NotReadSo(ValueError):
    """The SAE wants texts to be read in another way; the message names the entry."""


def require_belongs(sae: Sae, lm: LanguageModel) -> None:
    """ValueError unless the SAE reads a layer that the model has, of its width; NotReadSo where its
    `cfg.json` says `prepend_bos`, `seqpos_slice` or `exclude_special_tokens` otherwise.
    """
    if sae.d_model != lm.d_model or sae.layer >= lm.n_layers:
        raise ValueError(
            f"{sae.sae_id} reads layer {sae.layer} of width {sae.d_model}; the model has layers "
            f"0 to {lm.n_layers - 1} of width {lm.d_model}."
        )
    raw = read_json(sae.folder / CONFIG_FILE)
    said = {**raw, **(raw.get("metadata") or {})}  # older files have it at the top
    if said.get("prepend_bos") is False and lm.bos_id is not None:
        raise _refused(sae, "prepend_bos", False, "every text here begins with the model's BOS")
    positions = said.get("seqpos_slice") or []
    if [*positions][:1] not in WHOLE or any(one is not None for one in positions[1:]):
        raise _refused(sae, "seqpos_slice", positions, "texts are read at every position here")
    left_out = said.get("exclude_special_tokens")
    ordinary = set(left_out) - lm.special_ids if isinstance(left_out, list) else set()
    for token_id in sorted(ordinary):
        why = f"token {token_id} is an ordinary one of this model, and read like any other"
        raise _refused(sae, "exclude_special_tokens", left_out, why)


def _refused(sae: Sae, name: str, value: Any, why: str) -> NotReadSo:
    return NotReadSo(
        f"SAE {sae.sae_id} says {name} = {value!r} in its cfg.json, and {why}: it was trained on "
        "something else. To have it read so all the same, move that entry under metadata.notes."
    )

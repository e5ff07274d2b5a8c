"""The residual stream of a short text, read as every prompt is read, or with more or fewer BOS."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from backend.core.lm import LanguageModel

GIANT = 2.5  # times the median norm: such positions are sinks, which SAEs are trained without
NEAR = 2  # layers on either side of an SAE's own


@cache
def passages() -> tuple[str, ...]:
    """Plain prose that ships with the package."""
    path = Path(__file__).with_name("passages.toml")
    return tuple(tomllib.loads(path.read_text(encoding="utf-8"))["passages"])


class Readings:
    """The passages as this model's tokenizer makes rows of them, read once near some layers."""

    def __init__(self, lm: LanguageModel, layers: Collection[int]) -> None:
        """`layers`: those that the SAEs read."""
        self.lm = lm
        self._layers = sorted({near for layer in layers for near in near_layers(lm, layer)})
        longest = lm.max_positions or 1 << 20
        rows = [lm.tokenize(text)[: longest - 2] for text in passages()]
        declared = getattr(lm.model.config, "bos_token_id", None)
        self.bos_id: int | None = lm.bos_id
        if self.bos_id is None and isinstance(declared, int) and declared in lm.special_ids:
            self.bos_id = declared  # the model has one that prompts are not begun with
        self.special = lm.special_ids | ({self.bos_id} if self.bos_id is not None else set())
        self.lead = min(_leading(row, self.bos_id) for row in rows)  # BOS before every prompt
        self._bare = [row[_leading(row, self.bos_id) :] for row in rows]
        self._read: dict[int, dict[int, Tensor]] = {}  # by lead

    def rows(self, lead: int | None = None) -> list[list[int]]:
        """Token ids of each passage, with `lead` BOS instead of those that it has."""
        bos = [] if self.bos_id is None else [self.bos_id]
        return [bos * (self.lead if lead is None else lead) + row for row in self._bare]

    def resid(self, layer: int, lead: int | None = None) -> Tensor:
        """float32 [n, d_model] of the positions that are neither special nor giant."""
        lead = self.lead if lead is None else lead
        if lead not in self._read:
            found = [self._of(row) for row in self.rows(lead)]
            self._read[lead] = {
                layer: torch.cat([one[layer] for one in found]) for layer in self._layers
            }
        resid = self._read[lead][layer]
        return resid[~is_giant(resid)]

    def _of(self, row: list[int]) -> dict[int, Tensor]:
        kept = [place for place, token_id in enumerate(row) if token_id not in self.special]
        read = self.lm.resid_post([row], self._layers)
        return {layer: resid[0, kept].float() for layer, resid in read.items()}

    def loss(self, lead: int | None = None) -> float:
        """Nats per token of the same targets for any `lead`: each passage's from its second on."""
        losses = [
            self.lm.per_token_loss([row])[0, -(len(bare) - 1) :]
            for row, bare in zip(self.rows(lead), self._bare, strict=True)
        ]
        return float(torch.cat(losses).mean())


def near_layers(lm: LanguageModel, layer: int) -> range:
    """The layer and its neighbours."""
    return range(max(0, layer - NEAR), min(lm.n_layers, layer + NEAR + 1))


def is_giant(resid: Tensor) -> Tensor:
    """bool [n]: a norm that no SAE was trained on. resid: [n, d_model]."""
    norms: Tensor = resid.norm(dim=-1)
    return norms > GIANT * norms.median()


def _leading(row: Sequence[int], bos_id: int | None) -> int:
    return next((n for n, token_id in enumerate(row) if token_id != bos_id), len(row))

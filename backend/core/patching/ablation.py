"""Positions averaged out: the mean state over a set of prompts in the place of a prompt's own.

What a position means in its prompt is its *role* ("the question mark after the subject", "the
subject's last token"): prompts of one template share roles, so the mean of a role keeps what the
template says and loses which prompt it was. The mean is taken after each layer by itself.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention


@dataclass(frozen=True)
class Marked:
    """A prompt's token ids and the role of each position."""

    ids: tuple[int, ...]
    roles: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.ids or len(self.ids) != len(self.roles):
            raise ValueError(
                f"A prompt has {len(self.ids)} tokens and {len(self.roles)} roles; needed: one "
                "each."
            )


@dataclass(frozen=True)
class Means:
    """Mean resid_post by role: float32 [layer, d_model]; `counts`: positions that each is a mean
    of."""

    states: dict[str, Tensor]
    counts: dict[str, int]

    @classmethod
    def over(cls, lm: LanguageModel, prompts: Sequence[Marked]) -> "Means":
        """One forward a prompt. Summed in float64."""
        layers = range(lm.n_layers)
        sums: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        for prompt in prompts:
            found = lm.resid_post([prompt.ids], layers)
            stacked = torch.stack(
                [found[layer][0] for layer in layers]
            ).double()  # [layer, pos, d_model]
            for position, role in enumerate(prompt.roles):
                counts[role] = counts.get(role, 0) + 1
                sums[role] = sums.get(role, torch.zeros_like(stacked[:, 0])) + stacked[:, position]
        return cls({role: (total / counts[role]).float() for role, total in sums.items()}, counts)

    def ablating(
        self, prompt: Marked, layer: int, positions: Collection[int]
    ) -> list[Intervention]:
        """Edits that put the mean of its role at each position; [] for no position.

        ValueError for a position that the prompt lacks or a role without a mean.
        """
        if not positions:
            return []
        ordered = sorted(set(positions))
        if ordered[0] < 0 or ordered[-1] >= len(prompt.ids):
            raise ValueError(
                f"positions are {ordered}; this prompt has positions 0 to {len(prompt.ids) - 1}."
            )
        unknown = {prompt.roles[p] for p in ordered} - set(self.states)
        if unknown:
            raise ValueError(
                f"No mean was taken of {sorted(unknown)}; there are means of {sorted(self.states)}."
            )
        states = torch.stack([self.states[prompt.roles[p]][layer] for p in ordered])
        return [Intervention.replacing(layer, ordered, states)]

    def keeping_only(
        self, prompt: Marked, layer: int, kept: Collection[int], among: Collection[int]
    ) -> list[Intervention]:
        """Edits that average out every position of `among` but the kept ones."""
        return self.ablating(prompt, layer, set(among) - set(kept))

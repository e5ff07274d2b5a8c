"""Every arm of `needed` run on every prompt of a group: what follows, layer by layer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from backend.core.lm import LanguageModel
from backend.core.patching import Means, Trunk, unembed
from precompute.experiments.patching.marked import MarkedGroup, MarkedPrompt, MarkedSet
from precompute.experiments.patching.needed_arms import averaged_out, rewritten
from precompute.experiments.patching.said import Said, said

Kept = dict[str, Any]  # of one prompt, as JSON: see `read_prompt`


@dataclass(frozen=True)
class Context:
    """What the prompts of a set share. `candidates`: first tokens of all answers; `pools` to
    insert from."""

    lm: LanguageModel
    candidates: Collection[int]
    pools: dict[str, Sequence[int]]
    seed: int

    @classmethod
    def of(cls, lm: LanguageModel, asked: MarkedSet, seed: int) -> Context:
        behind = [p for group in asked.groups for p in group.prompts[:1]]
        pools: dict[str, Sequence[int]] = {
            token_class: [
                one.ids[p] for one in behind for p in one.of_class(token_class) if p != one.last
            ]
            for token_class in ("function", "content")
        }
        return cls(lm, asked.answers(), pools, seed)


def read_group(context: Context, group: MarkedGroup, name: str) -> list[Kept]:
    """All prompts of a group, against the means over that group."""
    marked = [prompt.marked(name) for prompt in group.prompts]
    means = Means.over(context.lm, marked)
    return [
        read_prompt(context, prompt, means, name, context.seed + place)
        for place, prompt in enumerate(group.prompts)
    ]


@torch.inference_mode()
def read_prompt(context: Context, prompt: MarkedPrompt, means: Means, name: str, seed: int) -> Kept:
    """{"none": […], "rewritten": {arm: […]}, "layers": {arm: [[…] a layer]}}, each […] being loss,
    right, chosen."""
    lm, rng, marked = context.lm, np.random.default_rng(seed), prompt.marked(name)
    trunk = Trunk(lm, prompt.ids, prompt.name.start)
    arms = averaged_out(prompt, rng)
    distinct = list(dict.fromkeys(arms.values()))  # two arms of the same positions are run once
    layers: dict[str, list[list[float]]] = {arm: [] for arm in arms}
    for layer in range(lm.n_layers):
        rows = [means.ablating(marked, layer, positions) for positions in distinct]
        found = _judged(context, prompt, unembed(lm, trunk.after(layer, rows)))
        for arm, positions in arms.items():
            layers[arm].append(_row(found, distinct.index(positions)))
    other = {
        arm: _row(_judged(context, prompt, lm.forward([ids], logits_to_keep=1).logits[:, -1]), 0)
        for arm, ids in rewritten(prompt, context.pools, rng)
    }
    plain = _row(_judged(context, prompt, unembed(lm, trunk.last)), 0)
    return {"none": plain, "rewritten": other, "layers": layers}


def _judged(context: Context, prompt: MarkedPrompt, logits: torch.Tensor) -> Said:
    return said(logits, prompt.answers, context.candidates)


def _row(found: Said, place: int) -> list[float]:
    return [float(found.loss[place]), float(found.right[place]), float(found.chosen[place])]

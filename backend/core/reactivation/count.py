"""One prompt read and shuffled: what fires at each position, and what would in another order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from threading import Event

from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past
from backend.core.reactivation.baseline import SHUFFLES, arrangements, shuffled_splits
from backend.core.reactivation.split import split
from backend.core.sae import Sae
from backend.core.steering.prompt import ReadPrompt, residuals


@dataclass(frozen=True)
class Shuffling:
    """How a prompt is shuffled, and from which activation on a feature fires."""

    shuffles: int = SHUFFLES
    seed: int = 0
    theta: float = 0.0


@dataclass(frozen=True)
class Counted:
    """One prompt on one SAE: int64 [pos, 4] and [n, pos, 4]."""

    observed: Tensor
    shuffled: Tensor


def kept_positions(prompt: ReadPrompt, n_prompt: int) -> list[int]:
    """What every shuffle leaves in its place, beside special tokens: the prompt's last function
    token (its last token where classes are unknown or none is one), and everything generated, which
    begins at `n_prompt`.
    """
    functions = [p for p in prompt.of_class("function") if p < n_prompt]
    return [functions[-1] if functions else n_prompt - 1, *range(n_prompt, len(prompt.token_ids))]


def count(
    lm: LanguageModel,
    saes: Sequence[Sae],
    prompt: ReadPrompt,
    kept: Collection[int],
    how: Shuffling,
    *,
    past: Past | None = None,
    stop: Event | None = None,
) -> dict[str, Counted]:
    """By sae_id. One forward of the prompt and one of all its shuffles together; blocks. Stopped
    when `stop` is set. `past`: of the prompt's prefix.
    """
    unseen = prompt.unseen_positions
    order = arrangements(
        prompt.classes, {*kept, *range(prompt.prefix_length)}, how.shuffles, how.seed
    )
    shuffled = shuffled_splits(
        lm, saes, prompt.token_ids, order, unseen, how.theta, past=past, stop=stop
    )
    resid = residuals(lm, prompt, [sae.layer for sae in saes], past)
    counted = {}
    for sae in saes:
        firings = sae.encode(resid[sae.layer], theta=how.theta)
        firings = replace(firings, position=firings.position + prompt.prefix_length)
        own = split(firings, len(prompt.token_ids), unseen).stacked().cpu()
        counted[sae.sae_id] = Counted(own, shuffled[sae.sae_id])
    return counted

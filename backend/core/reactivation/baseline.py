"""The shuffled-context baseline:
how much would fire again if the same tokens stood in another order.

What stays and what moves. Special tokens (BOS, turn markers) stay; so do the positions `kept` (the
last function token of the prompt, which is what the paper looks at, and generated tokens); every
other token trades places, at random, with tokens of its own class. So each position keeps its class
and the number of tokens before it, and the kept last token has exactly its own context, in another
order. Every arrangement of a class is equally likely, the original one among them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from threading import Event

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past, held_of
from backend.core.reactivation.split import split_rows
from backend.core.sae import Sae

SHUFFLES = 20
LOW, HIGH = 0.025, 0.975
TOKENS_AT_ONCE = 8192  # of one forward: bounds the memory of a long prompt on a large model


class Stopped(Exception):
    """The work was stopped before it was done."""


@dataclass(frozen=True)
class Spread:
    """Mean over shuffles, and the range in which the middle 95 % of them lie
    (not the mean's error).

    float64 [...] each. The range is between the 2.5th and 97.5th percentile, interpolated linearly.
    """

    mean: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def over_shuffles(cls, values: Tensor) -> "Spread":
        """`values` [n_shuffles, ...]; NaN in one shuffle makes NaN of the three."""
        values = values.double()
        return cls(values.mean(0), values.quantile(LOW, dim=0), values.quantile(HIGH, dim=0))


def arrangements(
    token_classes: Sequence[str | None], kept: Collection[int], n: int, seed: int
) -> Tensor:
    """int64 [n, pos]: which original position's token stands at each position.

    Positions of class "special" and those in `kept` hold their own token. The same arguments give
    the same arrangements. ValueError for n below 1 or a kept position outside the prompt.
    """
    length = len(token_classes)
    if n < 1:
        raise ValueError(f"n is {n}; allowed: 1 and above.")
    if any(not 0 <= position < length for position in kept):
        raise ValueError(f"kept positions are {sorted(kept)}; allowed: 0 to {length - 1}.")
    generator = torch.Generator().manual_seed(seed)
    held = set(kept)
    order = torch.arange(length).repeat(n, 1)
    for name in sorted({str(one) for one in token_classes} - {"special"}):
        places = torch.tensor(
            [p for p, one in enumerate(token_classes) if str(one) == name and p not in held]
        )
        if len(places) > 1:
            for row in order:
                row[places] = places[torch.randperm(len(places), generator=generator)]
    return order


@torch.inference_mode()
def shuffled_splits(
    lm: LanguageModel,
    saes: Sequence[Sae],
    token_ids: Sequence[int],
    order: Tensor,
    special_positions: Collection[int],
    theta: float = 0.0,
    *,
    past: Past | None = None,
    stop: Event | None = None,
) -> dict[str, Tensor]:
    """By sae_id: int64 [n, pos, 4] (firing, new, reactivated, carried) of every arrangement
    in `order` [n, pos].

    All arrangements are one batch of one forward, unless they exceed TOKENS_AT_ONCE. With `past`,
    which every arrangement must leave as it is (else ValueError), nothing is counted there. Stopped
    when `stop` is set before a forward, or before one of the SAEs.
    """
    held = held_of(past, token_ids)
    if bool((order[:, :held] != torch.arange(held)).any()):
        raise ValueError(
            f"An arrangement moves one of the first {held} tokens, which are a prefix that was run."
        )
    ids = torch.tensor(list(token_ids), dtype=torch.int64)[order][:, held:]
    length = ids.shape[1]
    special = [position - held for position in special_positions if position >= held]
    layers = sorted({sae.layer for sae in saes})
    parts: dict[str, list[Tensor]] = {sae.sae_id: [] for sae in saes}
    for rows in ids.split(max(1, TOKENS_AT_ONCE // (held + length))):
        _check(stop)
        resid = lm.resid_post(rows, layers, past=past)
        for sae in saes:
            _check(stop)
            firings = sae.encode(resid[sae.layer].flatten(0, 1), theta=theta)
            counts = split_rows(firings, len(rows), length, special).stacked().cpu()
            parts[sae.sae_id].append(torch.nn.functional.pad(counts, (0, 0, held, 0)))
    return {sae_id: torch.cat(found) for sae_id, found in parts.items()}


def _check(stop: Event | None) -> None:
    if stop is not None and stop.is_set():
        raise Stopped

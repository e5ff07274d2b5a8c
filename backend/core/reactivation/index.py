"""The reactivation index of a token class:
how much more fires again there than in shuffled prompts.

    share(c)  = reactivated firings at positions of class c / firings at positions of class c
    index(c)  = share(c) of the prompt - mean over shuffles of share(c)      (-1 to 1)

Positions of all prompts are pooled: a position with many firings weighs more than one with few.
Above 0, the class reactivates more than the same tokens do in another order; at 0 the order has no
part in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.core.reactivation.baseline import HIGH, LOW

CLASSES = ("function", "content")
FIRING, NEW, REACTIVATED, CARRIED = 0, 1, 2, 3
RESAMPLES = 2000
Interval = tuple[float, float]


@dataclass(frozen=True)
class PromptCounts:
    """One prompt on one SAE, summed over the positions of each class.

    observed: int64 [class, 4]; shuffled: int64 [n_shuffles, class, 4]; positions: int64 [class].
    The four are firing, new, reactivated, carried; the classes are CLASSES.
    """

    observed: NDArray[np.int64]
    shuffled: NDArray[np.int64]
    positions: NDArray[np.int64]


@dataclass(frozen=True)
class ClassIndex:
    """What is known of one class. Shares are None where nothing fires at the class's positions.

    `interval` is of the index: over prompts (bootstrap, 95 %) where there are at least two, else
    the range that the middle 95 % of shuffles give.
    """

    token_class: str
    n_positions: int
    observed: tuple[int, int, int, int]
    share: float | None
    shuffled_share: float | None
    shuffled_interval: Interval | None
    index: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Difference:
    """Function minus content, of the shares and of the indices,
    with bootstrap intervals over prompts.
    """

    share: float | None
    share_interval: Interval | None
    index: float | None
    index_interval: Interval | None


@dataclass(frozen=True)
class IndexSummary:
    """Both classes, their difference, and how many prompts and shuffles it all comes from."""

    classes: tuple[ClassIndex, ...]
    difference: Difference
    n_prompts: int
    n_shuffles: int


def prompt_counts(
    observed: Tensor, shuffled: Tensor, token_classes: Sequence[str | None]
) -> PromptCounts:
    """observed int64 [pos, 4] and shuffled int64 [n, pos, 4] of `split`,
    summed by the positions' classes.
    """
    chosen = torch.tensor(
        [[one == name for one in token_classes] for name in CLASSES], dtype=torch.int64
    )
    return PromptCounts(
        observed=torch.einsum("cp,pk->ck", chosen, observed.cpu()).numpy(),
        shuffled=torch.einsum("cp,npk->nck", chosen, shuffled.cpu()).numpy(),
        positions=chosen.sum(1).numpy(),
    )


def summarise(prompts: Sequence[PromptCounts], *, seed: int = 0) -> IndexSummary:
    """The index over prompts that were all shuffled equally often; the seed is the bootstrap's.

    ValueError for no prompt, or for numbers of shuffles that differ.
    """
    numbers = {len(one.shuffled) for one in prompts}
    if len(numbers) != 1:
        raise ValueError(
            f"Needed: at least one prompt, all shuffled equally often; got {sorted(numbers)}."
        )
    observed = np.stack([one.observed for one in prompts])
    shuffled = np.stack([one.shuffled for one in prompts])
    draws = _draws(len(prompts), seed)
    everything = np.ones((1, len(prompts)))
    share, null = _shares(observed, everything)[0], _shares(shuffled, everything)[0]
    index = share - null.mean(0)
    if draws is None:  # one prompt: the shuffles are all the spread there is
        resampled, ranges = (
            None,
            [_range(index[c] + null.mean(0)[c] - null[:, c]) for c in range(len(CLASSES))],
        )
    else:
        shares = _shares(observed, draws)
        resampled = (shares, shares - _shares(shuffled, draws).mean(1))
        ranges = [_range(resampled[1][:, c]) for c in range(len(CLASSES))]
    positions = np.stack([one.positions for one in prompts]).sum(0)
    classes = tuple(
        ClassIndex(
            token_class=name,
            n_positions=int(positions[c]),
            observed=tuple(int(k) for k in observed[:, c].sum(0)),  # type: ignore[arg-type]
            share=_number(share[c]),
            shuffled_share=_number(null[:, c].mean()),
            shuffled_interval=_range(null[:, c]),
            index=_number(index[c]),
            interval=ranges[c],
        )
        for c, name in enumerate(CLASSES)
    )
    return IndexSummary(classes, _difference(share, index, resampled), len(prompts), numbers.pop())


def _difference(
    share: NDArray[np.float64],
    index: NDArray[np.float64],
    resampled: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
) -> Difference:
    ranges = [_range(one[:, 0] - one[:, 1]) for one in resampled] if resampled else [None, None]
    return Difference(
        _number(share[0] - share[1]), ranges[0], _number(index[0] - index[1]), ranges[1]
    )


def _shares(counts: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """counts [prompt, ..., class, 4], weights [draw,
    prompt] -> reactivated / firing [draw, ..., class].
    """
    pooled = np.tensordot(weights, counts.astype(np.float64), axes=1)
    firing = pooled[..., FIRING]
    shares: NDArray[np.float64] = np.full(firing.shape, np.nan)
    return np.divide(pooled[..., REACTIVATED], firing, out=shares, where=firing > 0)


def _draws(n_prompts: int, seed: int) -> NDArray[np.float64] | None:
    """float64 [RESAMPLES, prompt]: how often each prompt is drawn; None for a single prompt."""
    if n_prompts < 2:
        return None
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts), size=RESAMPLES).astype(
        np.float64
    )


def _range(values: NDArray[np.float64]) -> Interval | None:
    """2.5th to 97.5th percentile; None where a value is not defined."""
    if not np.isfinite(values).all():
        return None
    low, high = np.quantile(values, [LOW, HIGH])
    return float(low), float(high)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

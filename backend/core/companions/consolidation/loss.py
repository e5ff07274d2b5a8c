"""Loss by transition at any cut and split, summed from cells;
intervals from sums by document shard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.core.companions.consolidation.rows import (
    BASELINES,
    SPLITS,
    TRANSITIONS,
    Cut,
    Floats,
    Ints,
    LossTables,
    bootstrap_weights,
    interval_of,
)

ALL = 4  # row "all" after the four transitions
NAMES = (*TRANSITIONS, "all")
WORDS = ("start", "continuation")


@dataclass(frozen=True)
class Totals:
    """Sums over targets: n [5, value] and nats [series, 5, value];
    the fifth transition is all targets.
    """

    n: Ints
    nats: Floats


@dataclass(frozen=True)
class ShardTotals:
    """The same by document shard: n [5, value, shard], nats [series, 5, value, shard]."""

    n: Ints
    nats: Floats

    def means(self, series: int, weights: Floats) -> Floats:
        """[5, value, draw] mean loss of one series in each bootstrap draw."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((self.nats[series] @ weights) / (self.n @ weights))

    def shares(self, series: int, weights: Floats) -> Floats:
        """[5, value, draw] share of the summed loss of all targets."""
        drawn = self.nats[series] @ weights
        return np.asarray(drawn / drawn[ALL].sum(axis=0))


@dataclass(frozen=True)
class Entry:
    """One row of an answer."""

    series: int
    transition: str
    value: int
    n: int
    loss: float
    share_of_tokens: float
    share_of_loss: float
    interval: tuple[float, float] | None
    share_interval: tuple[float, float] | None
    excess: float | None
    excess_interval: tuple[float, float] | None


def groups(split: str, positions: tuple[int, ...]) -> list[str]:
    """Names of a split's values; positions: the first position of each bucket."""
    if split == "word":
        return list(WORDS)
    if split == "decile":
        return [str(tenth) for tenth in range(1, 11)]
    if split == "position":
        ends = [f"–{after - 1}" for after in positions[1:]] + ["+"]
        return [f"{first}{end}" for first, end in zip(positions, ends, strict=True)]
    return []


def totals(tables: LossTables, cut: Cut, split: str, n_values: int) -> Totals:
    """Exact sums over all targets; by position at a cut by kind,
    from the sums by shard (to 2^-12 nat).
    """
    if split == "position" and cut.last_band is None:
        by_shard = shard_totals(tables, cut, split, n_values)
        if by_shard is None:
            raise ValueError(f"by 'position': not kept for the cut {cut.name!r}")
        return Totals(by_shard.n.sum(-1), by_shard.nats.sum(-1))
    if split == "position":
        keys = tables.position_cell
        place = 2 * ~(keys[:, 0] <= _last(cut)) + ~(keys[:, 1] <= _last(cut))
        return _summed(place * n_values + keys[:, 2], keys[:, 3], tables.position_sums, n_values)
    keys = tables.cell
    place = 2 * ~cut.is_function(keys[:, 0], keys[:, 1]) + ~cut.is_function(keys[:, 2], keys[:, 3])
    value = {"word": keys[:, 4], "decile": tables.decile[keys[:, 2]]}.get(split, 0 * keys[:, 4])
    return _summed(place * n_values + value, keys[:, 5], tables.sums, n_values)


def _last(cut: Cut) -> int:
    assert cut.last_band is not None
    return cut.last_band


def _summed(group: Ints, n: Ints, sums: Floats, n_values: int) -> Totals:
    size = 4 * n_values
    counts = np.bincount(group, weights=n, minlength=size).astype(np.int64).reshape(4, n_values)
    member = np.zeros((len(group), size))
    member[np.arange(len(group)), group] = 1.0
    made = (sums @ member).reshape(len(sums), 4, n_values)
    return Totals(
        np.vstack([counts, counts.sum(0)]),
        np.concatenate([made, made.sum(1, keepdims=True)], axis=1),
    )


def shard_totals(tables: LossTables, cut: Cut, split: str, n_values: int) -> ShardTotals | None:
    """None where the sums by shard of this cut and split were not kept."""
    places = {view[2:]: i for i, view in enumerate(tables.views) if view[:2] == (cut.name, split)}
    if not places:
        return None
    order = [places[transition, value] for transition in TRANSITIONS for value in range(n_values)]
    n_shards = tables.view_n.shape[1]
    n = tables.view_n[order].reshape(4, n_values, n_shards)
    sums = tables.view_sums[:, order].reshape(-1, 4, n_values, n_shards)
    return ShardTotals(
        np.concatenate([n, n.sum(0)[None]]),
        np.concatenate([sums, sums.sum(1, keepdims=True)], axis=1),
    )


def entries(
    tables: LossTables, cut: Cut, split: str, n_values: int, baseline: str = "none"
) -> list[Entry]:
    """Every series, transition and value that has a target.

    `excess` is loss minus the baseline's.
    """
    if split not in SPLITS:
        raise ValueError(f"by {split!r}: use one of {list(SPLITS)}")
    if baseline not in ("none", *BASELINES):
        raise ValueError(f"baseline {baseline!r}: use one of {['none', *BASELINES]}")
    whole, by_shard = (
        totals(tables, cut, split, n_values),
        shard_totals(tables, cut, split, n_values),
    )
    base = None if baseline == "none" else _series_of(tables, baseline)
    weights = bootstrap_weights(tables.view_n.shape[1])
    made: list[Entry] = []
    for series in range(len(tables.series)):
        made += _of_series(whole, by_shard, series, base, weights)
    return made


def _series_of(tables: LossTables, baseline: str) -> int:
    return next(i for i, (_, name, _) in enumerate(tables.series) if name == baseline)


def _of_series(
    whole: Totals, by_shard: ShardTotals | None, series: int, base: int | None, weights: Floats
) -> list[Entry]:
    nats, total = whole.nats[series], whole.nats[series, ALL].sum()
    means = shares = excess = None
    if by_shard is not None:
        drawn = by_shard.means(series, weights)
        means, shares = interval_of(drawn), interval_of(by_shard.shares(series, weights))
        excess = None if base is None else interval_of(drawn - by_shard.means(base, weights))
    made = []
    for place, value in np.argwhere(whole.n > 0):
        n = int(whole.n[place, value])
        loss = float(nats[place, value] / n)
        made.append(
            Entry(
                series,
                NAMES[place],
                int(value),
                n,
                loss,
                n / int(whole.n[ALL].sum()),
                float(nats[place, value] / total),
                _pair(means, place, value),
                _pair(shares, place, value),
                None if base is None else loss - float(whole.nats[base, place, value] / n),
                _pair(excess, place, value),
            )
        )
    return made


def _pair(bounds: Floats | None, place: int, value: int) -> tuple[float, float] | None:
    return (
        None if bounds is None else (float(bounds[0, place, value]), float(bounds[1, place, value]))
    )

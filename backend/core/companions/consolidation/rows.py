"""What a consolidation file holds, read once into arrays, and the rows that queries answer with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.core.companions.consolidation.codec import nats, unpack

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Query = Callable[[str], list[tuple[Any, ...]]]

TRANSITIONS = ("ff", "fc", "cf", "cc")
SPLITS = ("none", "word", "decile", "position")
BASELINES = ("unigram", "bigram")
N_BOOTSTRAP = 1000
INTERVAL = (2.5, 97.5)  # per cent


@dataclass(frozen=True)
class Run:
    """One training run."""

    run: int
    model: str
    seed: int
    title: str
    n_layers: int
    n_parameters: int
    tokens_per_step: int | None
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Cut:
    """One way to say which tokens are function tokens: bands up to one, or kinds."""

    name: str
    n_function: int
    last_band: int | None
    kinds: tuple[int, ...]

    def is_function(self, band: Ints, kind: Ints) -> Bools:
        """For tokens of these bands and kinds."""
        return np.isin(kind, self.kinds) if self.last_band is None else band <= self.last_band


@dataclass(frozen=True)
class LossTables:
    """Everything about loss. A series is one checkpoint or one baseline."""

    runs: tuple[Run, ...]
    cuts: tuple[Cut, ...]
    decile: Ints  # [band]
    cell: Ints  # [cell, 6] current band and kind, target band and kind, continues, n
    position_cell: Ints  # [position cell, 4] current band, target band, position bucket, n
    views: tuple[tuple[str, str, str, int], ...]  # cut, split, transition, value
    view_n: Ints  # [view, shard]
    series: tuple[tuple[int | None, str | None, int], ...]  # run, baseline, step
    sums: Floats  # [series, cell] summed nats
    position_sums: Floats  # [series, position cell]
    view_sums: Floats  # [series, view, shard]
    rms: Floats  # [series, view whose split is none, shard]

    def cut(self, name: str) -> Cut:
        """ValueError that lists the cuts."""
        return find_cut(self.cuts, name)


def find_cut(cuts: Sequence[Cut], name: str) -> Cut:
    """By name; a share may be written 0.4 or 0.40. ValueError lists the cuts."""
    try:
        wanted = f"{float(name):.2f}"
    except ValueError:
        wanted = name
    for cut in cuts:
        if cut.name == wanted:
            return cut
    raise ValueError(f"cut {name!r}: these results hold {', '.join(cut.name for cut in cuts)}")


def read_runs(query: Query) -> tuple[Run, ...]:
    """The runs, the deepest model first."""
    steps: dict[int, list[int]] = {}
    for run, step in query("SELECT run, step FROM loss WHERE run IS NOT NULL ORDER BY run, step"):
        steps.setdefault(run, []).append(step)
    found = query(
        "SELECT run, model, seed, title, n_layers, n_parameters, tokens_per_step FROM run"
    )
    runs = [
        Run(run, model, seed, title, n_layers, size, tokens, tuple(steps.get(run, ())))
        for run, model, seed, title, n_layers, size, tokens in found
    ]
    return tuple(sorted(runs, key=lambda one: (-one.n_layers, one.model, one.seed)))


def read_cuts(query: Query) -> tuple[Cut, ...]:
    """In the order of the file."""
    found = query("SELECT cut, n_function, last_band, kinds FROM cut ORDER BY cut_order")
    return tuple(Cut(name, n, last, tuple(kinds)) for name, n, last, kinds in found)


def read_loss(query: Query) -> LossTables:
    """All tables of loss as arrays."""
    cell = _ints(query("SELECT * FROM cell ORDER BY rowid"))
    position_cell = _ints(query("SELECT * FROM position_cell ORDER BY rowid"))
    views = query("SELECT cut, split, transition, value, n FROM view ORDER BY rowid")
    view_n = _ints([view[4] for view in views])
    whole = [i for i, view in enumerate(views) if view[1] == "none"]
    found = query(
        "SELECT run, baseline, step, sums, position_means, view_means, rms FROM loss ORDER BY rowid"
    )
    series = tuple((run, baseline, step or 0) for run, baseline, step, *_ in found)
    sums = [unpack(row[3], "float32", len(cell)) for row in found]
    by_position = [nats(unpack(row[4], "uint16", len(position_cell))) for row in found]
    by_view = [nats(unpack(row[5], "uint16", *view_n.shape)) for row in found]
    rms = [nats(unpack(row[6], "uint16", len(whole), view_n.shape[1])) for row in found]
    return LossTables(
        read_runs(query),
        read_cuts(query),
        np.array([d for (d,) in query("SELECT decile FROM band ORDER BY band")], np.int64),
        cell,
        position_cell,
        tuple((c, s, t, int(v)) for c, s, t, v, _ in views),
        view_n,
        series,
        np.array(sums, np.float64),
        np.array(by_position) * position_cell[:, 3],
        np.array(by_view) * view_n,
        np.array(rms),
    )


def bootstrap_weights(n_shards: int) -> Floats:
    """float [shard, N_BOOTSTRAP]: how often each shard is drawn; the same for every query."""
    drawn = np.random.default_rng(0).multinomial(
        n_shards, np.full(n_shards, 1 / n_shards), N_BOOTSTRAP
    )
    return drawn.T.astype(np.float64)


def interval_of(draws: Floats) -> Floats:
    """[..., N_BOOTSTRAP] -> [2, ...]: the middle 95 %; nan where no draw has a target."""
    empty = np.asarray(np.isnan(draws).all(axis=-1))
    made = np.nanpercentile(np.where(empty[..., None], 0.0, draws), INTERVAL, axis=-1)
    return np.where(empty, np.nan, made)


def _ints(rows: Sequence[Sequence[Any]]) -> Ints:
    return np.array([[int(value) for value in row] for row in rows], np.int64)

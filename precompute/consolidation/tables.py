"""Losses and predictions of all runs in WORK, as the tables of the consolidation file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from backend.core.companions.consolidation.codec import pack, quantised
from precompute.consolidation.cells import (
    SPLITS,
    TRANSITIONS,
    VIEW_CUTS,
    Cells,
    Vocabulary,
    make_cells,
    make_position_cells,
    split_values,
    transition_of,
)
from precompute.consolidation.text import HeldOut, text_digest
from precompute.job import INTERVAL_SHARDS, BadInput, load_arrays

VIEW_SPLITS = dict.fromkeys(VIEW_CUTS, ("word", "position")) | {
    "0.40": ("word", "decile", "position")
}
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Tables = dict[str, pa.Table]


@dataclass(frozen=True)
class View:
    """A row whose sums are kept by shard,
    as the group of each target (-1 = not in this view's cut and split).
    """

    cut: str
    split: str
    groups: Ints  # [targets] (transition * values + value) * shards + shard


def run_folders(work: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Every run of WORK with its run.json; BadInput where there is none."""
    found = sorted((work / "runs").glob("*/run.json"))
    if not found:
        raise BadInput(
            f"{work} holds no run: `functionscope precompute consolidation loss` comes first."
        )
    return [(path.parent, json.loads(path.read_text("utf-8"))) for path in found]


def step_files(folder: Path) -> list[tuple[int, Path]]:
    """(step, file) of one stage of one run, ascending."""
    return [
        (int(path.stem.removeprefix("step_")), path) for path in sorted(folder.glob("step_*.npz"))
    ]


def run_table(runs: list[tuple[Path, dict[str, Any]]]) -> pa.Table:
    """Rows of `run`."""
    names = ("model", "seed", "title", "n_layers", "n_parameters", "tokens_per_step")
    return pa.Table.from_pylist(
        [{"run": i} | {name: run[name] for name in names} for i, (_, run) in enumerate(runs)]
    )


def vocabulary_tables(vocabulary: Vocabulary) -> Tables:
    """`band` and `cut`."""
    first = 1
    bands = []
    for band, (last, decile) in enumerate(zip(vocabulary.edges, vocabulary.decile, strict=True)):
        bands.append({"band": band, "first_rank": first, "last_rank": last, "decile": decile})
        first = last + 1
    cuts = [
        {
            "cut_order": i,
            "cut": c.name,
            "n_function": c.n_function,
            "last_band": c.last_band,
            "kinds": list(c.kinds),
        }
        for i, c in enumerate(vocabulary.cuts)
    ]
    return {"band": pa.Table.from_pylist(bands), "cut": pa.Table.from_pylist(cuts)}


class LossPacker:
    """Cells, views and packed sums of one held-out text."""

    def __init__(self, vocabulary: Vocabulary, text: HeldOut) -> None:
        self.targets = text.targets()
        current, target, position = (
            self.targets[name] for name in ("current", "target", "position")
        )
        self.cells = make_cells(vocabulary, current, target)
        self.position_cells = make_position_cells(vocabulary, current, target, position)
        self.views = list(self._views(vocabulary))

    def _views(self, vocabulary: Vocabulary) -> list[View]:
        current, target, position, shard = (
            self.targets[n] for n in ("current", "target", "position", "shard")
        )
        views = []
        for cut in vocabulary.cuts:
            transition = transition_of(vocabulary, cut, current, target)
            for split in ("none", *VIEW_SPLITS.get(cut.name, ())):
                value = split_values(vocabulary, split, current, target, position)
                views.append(
                    View(
                        cut.name,
                        split,
                        (transition * SPLITS[split] + value) * INTERVAL_SHARDS + shard,
                    )
                )
        return views

    def tables(self) -> Tables:
        """`cell`, `position_cell` and `view`."""
        names = ("current_band", "current_kind", "target_band", "target_kind", "continues")
        cell = {name: self.cells.keys[:, i] for i, name in enumerate(names)} | {"n": self.cells.n}
        cell["continues"] = cell["continues"].astype(bool)
        columns = ("current_band", "target_band", "position")
        by_position = {name: self.position_cells.keys[:, i] for i, name in enumerate(columns)}
        rows = []
        for view in self.views:
            n = _by_shard(view, np.ones(len(view.groups)))
            for place, counts in enumerate(n.astype(int).tolist()):
                transition, value = divmod(place, SPLITS[view.split])
                rows.append(
                    {
                        "cut": view.cut,
                        "split": view.split,
                        "transition": TRANSITIONS[transition],
                        "value": value,
                    }
                    | {"n": counts}
                )
        return {
            "cell": pa.table(cell),
            "position_cell": pa.table(by_position | {"n": self.position_cells.n}),
            "view": pa.Table.from_pylist(rows),
        }

    def packed(self, loss: npt.NDArray[np.float32]) -> dict[str, bytes]:
        """The packed columns of `loss` for losses [targets]."""
        nats = loss.astype(np.float64)
        rms = [np.sqrt(_means(view, nats**2)) for view in self.views if view.split == "none"]
        return {
            "sums": pack(_summed(self.cells, nats).astype(np.float32)),
            "position_means": pack(
                quantised(_summed(self.position_cells, nats) / self.position_cells.n)
            ),
            "view_means": pack(
                quantised(np.concatenate([_means(view, nats) for view in self.views]))
            ),
            "rms": pack(quantised(np.concatenate(rms))),
        }


def _summed(cells: Cells, nats: Floats) -> Floats:
    return np.bincount(cells.of_target, weights=nats, minlength=len(cells.keys)).astype(np.float64)


def _by_shard(view: View, weights: Floats) -> Floats:
    """[transition * value, shard] sums."""
    size = len(TRANSITIONS) * SPLITS[view.split]
    made = np.bincount(view.groups, weights=weights, minlength=size * INTERVAL_SHARDS)
    return np.asarray(made.reshape(size, INTERVAL_SHARDS))


def _means(view: View, nats: Floats) -> Floats:
    n = _by_shard(view, np.ones(len(nats)))
    return np.divide(_by_shard(view, nats), n, out=np.zeros_like(n), where=n > 0)


def loss_table(
    work: Path, text: HeldOut, packer: LossPacker, runs: list[tuple[Path, dict[str, Any]]]
) -> pa.Table:
    """Rows of `loss`: the baselines, then every checkpoint of every run."""
    digest = text_digest(text)
    rows: list[dict[str, Any]] = []
    baselines = work / "baselines.npz"
    if baselines.exists():
        found = load_arrays(baselines, "consolidation text")
        _same_text(baselines, found, digest)
        for name in ("unigram", "bigram"):
            rows.append({"run": None, "baseline": name, "step": None} | packer.packed(found[name]))
    for run, (folder, _) in enumerate(runs):
        for step, path in step_files(folder / "loss"):
            found = load_arrays(path, "consolidation loss")
            _same_text(path, found, digest)
            rows.append({"run": run, "baseline": None, "step": step} | packer.packed(found["loss"]))
    return pa.Table.from_pylist(rows)


def _same_text(path: Path, found: dict[str, npt.NDArray[Any]], digest: str) -> None:
    if str(found["text"]) != digest:
        raise BadInput(f"{path} was made on another text: delete it, and make it again.")

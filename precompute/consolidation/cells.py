"""Cells: groups of targets that no class cut divides, so that any cut is a sum over cells.

A cell is (band and kind of the current token, band and kind of the target, whether the target
continues a word). A band is a range of frequency ranks between two edges; every cut by frequency
and every decile is an edge.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.core.token_classes import FUNCTION, by_frequency, classify
from precompute.consolidation.kinds import CLOSED, PUNCTUATION, kinds_of, letter_edges

SHARES = tuple(percent / 100 for percent in range(20, 65, 5))
TOPS = (10, 20, 50, 100, 122, 200)  # 122: the paper's number of function tokens
DECILES = tuple(tenth / 10 for tenth in range(1, 10))
KIND_CUTS = {"punctuation": (PUNCTUATION,), "closed": (PUNCTUATION, CLOSED)}
VIEW_CUTS = ("0.20", "0.30", "0.40", "0.50", "0.60", *KIND_CUTS)  # whose splits are kept by shard
POSITION_EDGES = (1, 8, 32, 64, 128)  # first position of each bucket
SPLITS = {"none": 1, "word": 2, "decile": 10, "position": len(POSITION_EDGES)}
TRANSITIONS = ("ff", "fc", "cf", "cc")
NO_BAND = 255  # special tokens
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """One way to say which tokens are function tokens."""

    name: str
    n_function: int
    last_band: int | None
    kinds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """Every token's rank, band and kind."""

    rank: Ints  # [vocab] 1 = most frequent; 0 = special
    band: Ints  # [vocab] NO_BAND = special
    kind: Ints  # [vocab]
    begins_with_letter: Bools
    ends_with_letter: Bools
    edges: tuple[int, ...]  # last rank of each band, ascending
    decile: tuple[int, ...]  # of each band
    cuts: tuple[Cut, ...]

    def is_function(self, cut: Cut) -> Bools:
        """Bool [vocab]."""
        if cut.last_band is None:
            return np.isin(self.kind, cut.kinds) & (self.rank > 0)
        return self.band <= cut.last_band

    def cut(self, name: str) -> Cut:
        """By name, one of the stored."""
        return next(cut for cut in self.cuts if cut.name == name)


def make_vocabulary(counts: Ints, special: Collection[int], texts: Sequence[str]) -> Vocabulary:
    """From occurrences [vocab] and token texts [vocab]."""
    ranked = by_frequency(counts, special)
    rank = np.zeros(len(counts), np.int64)
    rank[ranked] = np.arange(1, len(ranked) + 1)
    sizes = {f"{share:.2f}": _n_function(counts, special, share) for share in SHARES}
    sizes |= {f"top{top}": top for top in TOPS if top < len(ranked)}
    tenths = [_n_function(counts, special, share) for share in DECILES]
    edges = tuple(sorted({*sizes.values(), *tenths, len(ranked)}))
    band = np.searchsorted(edges, rank, side="left")
    band[rank == 0] = NO_BAND
    kind = kinds_of(texts)
    begins, ends = letter_edges(texts)
    decile = tuple(int(np.searchsorted(tenths, edge, side="left")) for edge in edges)
    cuts = [Cut(name, size, edges.index(size)) for name, size in sizes.items()]
    for name, kinds in KIND_CUTS.items():
        cuts.append(Cut(name, int((np.isin(kind, kinds) & (rank > 0)).sum()), None, kinds))
    return Vocabulary(rank, band, kind, begins, ends, edges, decile, tuple(cuts))


def _n_function(counts: Ints, special: Collection[int], share: float) -> int:
    return int((classify(counts, special, share) == FUNCTION).sum())


@dataclass(frozen=True)
class Cells:
    """The cells of some targets, and which cell each target is in."""

    keys: Ints  # [cell, 5] current band, current kind, target band, target kind, continues
    of_target: Ints  # [targets]

    @property
    def n(self) -> Ints:
        """[cell] targets."""
        return np.bincount(self.of_target, minlength=len(self.keys))


def make_cells(vocabulary: Vocabulary, current: Ints, target: Ints) -> Cells:
    """Cells in the order of their keys."""
    columns = np.stack(
        [
            vocabulary.band[current],
            vocabulary.kind[current],
            vocabulary.band[target],
            vocabulary.kind[target],
            continues(vocabulary, current, target),
        ],
        axis=1,
    )
    keys, of_target = np.unique(columns, axis=0, return_inverse=True)
    return Cells(keys, of_target.reshape(-1))


def make_position_cells(
    vocabulary: Vocabulary, current: Ints, target: Ints, position: Ints
) -> Cells:
    """Cells [cell, 3]: current band, target band, position bucket."""
    columns = np.stack(
        [vocabulary.band[current], vocabulary.band[target], position_bucket(position)], axis=1
    )
    keys, of_target = np.unique(columns, axis=0, return_inverse=True)
    return Cells(keys, of_target.reshape(-1))


def continues(vocabulary: Vocabulary, current: Ints, target: Ints) -> Bools:
    """Whether each target goes on the word that the current token is in:
    letters on both sides, no space.
    """
    return vocabulary.ends_with_letter[current] & vocabulary.begins_with_letter[target]


def position_bucket(position: Ints) -> Ints:
    """Ordinal of the bucket of POSITION_EDGES; positions of targets begin at 1."""
    return np.searchsorted(POSITION_EDGES, position, side="right") - 1


def transition_of(vocabulary: Vocabulary, cut: Cut, current: Ints, target: Ints) -> Ints:
    """Ordinal in TRANSITIONS of each target."""
    is_function = vocabulary.is_function(cut)
    return 2 * ~is_function[current] + ~is_function[target]


def split_values(
    vocabulary: Vocabulary, split: str, current: Ints, target: Ints, position: Ints
) -> Ints:
    """Value of a split for each target, below SPLITS[split]."""
    if split == "word":
        return continues(vocabulary, current, target).astype(np.int64)
    if split == "decile":
        return np.array(vocabulary.decile)[vocabulary.band[target]]
    if split == "position":
        return position_bucket(position)
    return np.zeros(len(target), np.int64)

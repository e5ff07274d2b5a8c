"""A made-up build of 100 million edges,
to measure reading at the size of one wide SAE over a large corpus.

2^20 features, 120,000 tokens. Occurrences follow Zipf's law, a token's degree a power of its
occurrences, and features are drawn by a power law too, so that the head is dense and the tail thin
as in a real build. Nothing in it is a result; it is written by the code that writes real builds, in
pieces, in bounded memory:

    python -m tests.bench.synthetic --out var/bench --edges 100000000
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.core.store.edge_codec import Edges, decode_activation
from backend.core.token_classes import by_frequency, classify

EDGES, D_SAE, N_TOKENS, N_SPECIAL = 100_000_000, 1 << 20, 120_000, 3
N_DOCUMENTS = 2_000_000
ZIPF, DEGREE_POWER, FEATURE_POWER, FEATURE_SHIFT = 1.05, 0.62, 0.55, 60.0
MOST_OF_DICTIONARY = 0.45  # of it, that one token reaches at most
PIECE = 2_000_000  # edges
SCALE = 200.0  # largest activation
SAE_ID = "synthetic_1m"

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """Counts of every token; arrays [tokens], special ones zero."""

    occurrences: Ints
    documents: Ints
    ranked: Ints  # token_ids, most frequent first
    classes: npt.NDArray[np.int8]

    @property
    def rank(self) -> Ints:
        """1-based; special tokens 0."""
        made = np.zeros(len(self.occurrences), np.int64)
        made[self.ranked] = np.arange(1, len(self.ranked) + 1)
        return made


def vocabulary(n_tokens: int, seed: int) -> Vocabulary:
    """Zipf by rank; ids are drawn at random,
    so that neighbours by id are not neighbours by rank.
    """
    generator = np.random.default_rng(seed)
    counts = np.zeros(n_tokens + N_SPECIAL, np.int64)
    by_rank = 4e8 / np.arange(1, n_tokens + 1) ** ZIPF
    counts[N_SPECIAL + generator.permutation(n_tokens)] = np.maximum(by_rank, 3).astype(np.int64)
    special = list(range(N_SPECIAL))
    spread = generator.uniform(0.3, 1.0, len(counts))  # content comes in bursts
    documents = np.minimum(
        counts, N_DOCUMENTS * (1 - np.exp(-counts * spread / N_DOCUMENTS))
    ).astype(np.int64)
    return Vocabulary(counts, documents, by_frequency(counts, special), classify(counts, special))


def degrees(words: Vocabulary, n_edges: int, d_sae: int) -> Ints:
    """[tokens] edges to draw for each token:
    a power of its occurrences that sums to about n_edges.
    """
    weight = words.occurrences.astype(np.float64) ** DEGREE_POWER
    most = np.minimum(words.occurrences, MOST_OF_DICTIONARY * d_sae)
    low, high = 0.0, float(d_sae)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if np.minimum(middle * weight, most).sum() < n_edges else (low, middle)
        )
    return np.minimum(low * weight, most).astype(np.int64)


def draw_piece(
    words: Vocabulary, wanted: Ints, first: int, last: int, d_sae: int, seed: int
) -> tuple[Any, ...]:
    """(degree of each token first..last, feature_index, n_firings, activation code) of
    their edges, sorted.

    Features are drawn with replacement and kept once: a token gets about as many as wanted.
    """
    generator = np.random.default_rng([seed, first])
    tries = (wanted[first : last + 1] * 1.12).astype(np.int64)
    token = np.repeat(np.arange(last + 1 - first), tries)
    power = 1 - FEATURE_POWER
    low, high = FEATURE_SHIFT**power, (d_sae + FEATURE_SHIFT) ** power
    place = (low + generator.random(len(token)) * (high - low)) ** (1 / power) - FEATURE_SHIFT
    # a fixed scramble, so that frequent features are anywhere in the dictionary
    feature = (np.minimum(place.astype(np.int64), d_sae - 1) * 0x9E3779B1) % d_sae
    keys = np.sort(token * d_sae + feature)
    keys = keys[np.diff(keys, prepend=-1) != 0]  # np.unique hashes, and takes ten times as long
    token, feature = keys // d_sae, keys % d_sae
    occurrences = words.occurrences[first + token].astype(np.float64)
    draw = generator.random(len(keys))
    firings = np.minimum(np.maximum(occurrences ** (draw**3), 1), occurrences).astype(np.uint32)
    codes = generator.integers(90, 256, len(keys), dtype=np.uint8)
    return np.bincount(token, minlength=last + 1 - first), feature.astype(np.uint32), firings, codes


@dataclass(frozen=True)
class Columns:
    """Edges on disk as plain columns, sorted by (token_id, feature_index), mapped into memory."""

    start: Ints  # [tokens + 1] where each token's edges begin
    feature: npt.NDArray[np.uint32]
    n_firings: npt.NDArray[np.uint32]
    code: npt.NDArray[np.uint8]  # of the largest activation

    def pieces(self) -> Iterator[tuple[int, int]]:
        """(first token, one past the last) of about PIECE edges each."""
        at = 0
        while at < len(self.start) - 1:
            until = int(np.searchsorted(self.start, self.start[at] + PIECE, side="right")) - 1
            until = max(until, at + 1)
            yield at, until
            at = until

    def slice(self, first: int, until: int) -> slice:
        return slice(int(self.start[first]), int(self.start[until]))

    def counts(self, which: slice | Ints) -> tuple[npt.NDArray[np.int64], ...]:
        """Firings above each theta of the grid, for these edges."""
        n, code = self.n_firings[which].astype(np.int64), self.code[which].astype(np.int64)
        return n, (n * code + 120) // 400, n * code // 1500

    def edges(self, first: int, until: int) -> Edges:
        """The edges of tokens first..until - 1 as the store writes them."""
        which = self.slice(first, until)
        token = np.repeat(np.arange(first, until), np.diff(self.start[first : until + 1]))
        feature = self.feature[which].astype(np.int64)
        act_max = decode_activation(self.code[which], SCALE)
        steps_below = (feature * 7 + token * 13) % 24
        return Edges(
            token,
            feature,
            self.n_firings[which].astype(np.int64),
            act_max * np.exp2(-steps_below / 16),
            act_max,
        )


COLUMNS = {"feature": np.uint32, "n_firings": np.uint32, "code": np.uint8}


def make_columns(folder: Path, words: Vocabulary, n_edges: int, d_sae: int, seed: int) -> Columns:
    """Draw all edges into `folder`, unless it holds them already."""
    done = folder / "columns.json"
    stated = {"n_edges": n_edges, "d_sae": d_sae, "tokens": len(words.occurrences), "seed": seed}
    if not done.exists() or json.loads(done.read_text()) != stated:
        folder.mkdir(parents=True, exist_ok=True)
        done.unlink(missing_ok=True)
        wanted = degrees(words, n_edges, d_sae)
        running = np.concatenate([[0], np.cumsum(wanted)])
        per_token = np.zeros(len(wanted), np.int64)
        files = {name: (folder / f"{name}.bin").open("wb") for name in COLUMNS}
        at = 0
        while at < len(wanted):
            until = max(
                int(np.searchsorted(running, running[at] + PIECE, side="right")) - 1, at + 1
            )
            found, *columns = draw_piece(words, wanted, at, until - 1, d_sae, seed)
            per_token[at:until] = found
            for name, column in zip(COLUMNS, columns, strict=True):
                column.tofile(files[name])
            at = until
            print(f"  drawn {running[at]:,} of {running[-1]:,} edges", flush=True)
        for file in files.values():
            file.close()
        np.save(folder / "start.npy", np.concatenate([[0], np.cumsum(per_token)]))
        done.write_text(json.dumps(stated))
    mapped = {
        name: np.memmap(folder / f"{name}.bin", dtype, "r") for name, dtype in COLUMNS.items()
    }
    return Columns(np.load(folder / "start.npy"), **mapped)


def main() -> None:
    from tests.bench.synthetic_build import make_build

    parser = argparse.ArgumentParser(prog="python -m tests.bench.synthetic", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("var/bench"), help="folder (%(default)s)")
    parser.add_argument("--edges", type=int, default=EDGES, help="about so many (%(default)s)")
    parser.add_argument("--features", type=int, default=D_SAE)
    parser.add_argument("--tokens", type=int, default=N_TOKENS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(make_build(given.out, given.edges, given.features, given.tokens, given.seed))


if __name__ == "__main__":
    main()

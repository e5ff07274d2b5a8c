"""Columns of the made-up build that are about features:
sums over their edges, lists of tokens, examples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from tests.bench.synthetic import N_SPECIAL, Columns, Ints, Vocabulary

LISTED = 10
TOP_KEY = (1 << 24) - 1
RANGES = 16  # of features, listed one after the other to bound memory
SEQUENCES, LENGTH, EXAMPLES = 4096, 48, 3


def feature_columns(columns: Columns, words: Vocabulary, d_sae: int) -> dict[str, Any]:
    """Sums of every feature that has an edge, ascending; `sums` are of activations."""
    firings, n_tokens = np.zeros(d_sae, np.int64), np.zeros(d_sae, np.int64)
    sums, most = np.zeros(d_sae), np.zeros(d_sae)
    first = np.full(d_sae, np.iinfo(np.int64).max)
    rank = words.rank
    for piece in columns.pieces():
        edges = columns.edges(*piece)
        f = edges.feature_index
        firings += np.bincount(f, weights=edges.n_firings, minlength=d_sae).astype(np.int64)
        n_tokens += np.bincount(f, minlength=d_sae)
        sums += np.bincount(f, weights=edges.act_mean * edges.n_firings, minlength=d_sae)
        np.maximum.at(most, f, edges.act_max)
        np.minimum.at(first, f, rank[edges.token_id])
    active = np.flatnonzero(n_tokens)
    named = {
        "n_firings": firings,
        "n_tokens": n_tokens,
        "sums": sums,
        "act_max": most,
        "first_rank": first,
    }
    return {"feature_index": active, **{name: column[active] for name, column in named.items()}}


def lists_of(columns: Columns, active: Ints, n_tokens: int, seed: int) -> dict[str, pa.Array]:
    """top_by_count and top_by_strength from the edges; promoted and suppressed drawn at random."""
    parts: dict[str, list[pa.Array]] = {"top_by_count": [], "top_by_strength": []}
    bounds = np.linspace(0, int(active[-1]) + 1, RANGES + 1).astype(np.int64)
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        feature, token, firings, code = _of_features(columns, low, high)
        for name, key in (("top_by_count", firings), ("top_by_strength", code)):
            parts[name].append(
                _first_of_each(feature - low, np.minimum(key.astype(np.int64), TOP_KEY), token)
            )
    generator = np.random.default_rng(seed)
    made = {name: pa.concat_arrays(lists) for name, lists in parts.items()}
    for name in ("promoted", "suppressed"):
        drawn = generator.integers(N_SPECIAL, n_tokens, len(active) * LISTED, dtype=np.uint32)
        offsets = np.arange(0, len(drawn) + 1, LISTED, dtype=np.int32)
        made[name] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(drawn))
    return made


def _of_features(columns: Columns, low: int, high: int) -> tuple[Any, ...]:
    """(feature, token, firings, code) of all edges to features low..high - 1."""
    found = []
    for first, until in columns.pieces():
        which = columns.slice(first, until)
        at = np.flatnonzero((columns.feature[which] >= low) & (columns.feature[which] < high))
        token = first + np.searchsorted(
            columns.start[first + 1 : until + 1], at + which.start, side="right"
        )
        at += which.start
        found.append(
            (columns.feature[at], token.astype(np.uint32), columns.n_firings[at], columns.code[at])
        )
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def _first_of_each(feature: Any, key: Any, token: Any) -> pa.Array:
    """Lists of up to LISTED tokens of each feature, largest key first:
    sorted as one integer, which is quick.
    """
    packed = np.sort((feature.astype(np.int64) << 42) | ((TOP_KEY - key) << 18) | token)
    feature, token = packed >> 42, (packed & 0x3FFFF).astype(np.uint32)
    starts = np.flatnonzero(np.diff(feature, prepend=-1))
    sizes = np.minimum(np.diff(np.append(starts, len(feature))), LISTED)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    which = np.repeat(starts - offsets[:-1], sizes) + np.arange(offsets[-1])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(token[which]))


def example_tables(active: Ints, n_tokens: int, seed: int) -> dict[str, pa.Table]:
    """SEQUENCES random texts, and EXAMPLES places in them for every feature."""
    generator = np.random.default_rng(seed)
    texts = generator.integers(N_SPECIAL, n_tokens, (SEQUENCES, LENGTH), dtype=np.uint32)
    n = len(active) * EXAMPLES
    peak = generator.integers(1, LENGTH - 1, n, dtype=np.uint8)
    positions = np.stack([peak, peak + 1], axis=1).ravel()
    codes = generator.integers(60, 250, 2 * n, dtype=np.uint8)
    offsets = pa.array(np.arange(0, 2 * n + 1, 2, dtype=np.int32))
    example = {
        "sae_ordinal": np.zeros(n, np.uint8),
        "feature_index": np.repeat(active, EXAMPLES),
        "quantile": np.tile(np.linspace(1.0, 0.5, EXAMPLES), len(active)),
        "sequence_id": generator.integers(0, SEQUENCES, n),
        "peak": peak,
        "positions": pa.ListArray.from_arrays(offsets, pa.array(positions)),
        "activations": pa.ListArray.from_arrays(offsets, pa.array(codes)),
    }
    sequences = {"sequence_id": np.arange(SEQUENCES), "token_ids": texts.tolist()}
    return {"sequence": pa.table(sequences), "example": pa.table(example)}

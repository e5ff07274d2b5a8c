"""The tables of the made-up build, computed from its edges piece by piece,
and published by the real writer.

Two shortcuts, both in what is stored and not in how it is read: the order "greedy" repeats the
order by degree, and the random curve has one draw.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from backend.core.store import MIN_COUNTS, ORDERS
from backend.core.store.graph.blocks import Ints, Places, feature_order
from backend.core.store.writer import EdgePieces, SaeEdges, publish
from precompute.building.coverage import log_ranks, ranked_by
from precompute.building.graph_tables import GraphEdges, graph_tables
from precompute.building.provenance import code_version
from tests.bench.synthetic import (
    N_DOCUMENTS,
    N_SPECIAL,
    SAE_ID,
    SCALE,
    Columns,
    Vocabulary,
    make_columns,
    vocabulary,
)
from tests.bench.synthetic_features import example_tables, feature_columns, lists_of

N_THETAS, RANDOM_DRAWS = 3, 1
NEVER = np.iinfo(np.int32).max


def make_build(folder: Path, n_edges: int, d_sae: int, n_tokens: int, seed: int) -> Path:
    """The path of the build, made unless `folder` holds it;
    its name says how many edges were asked for.
    """
    path = folder / f"synthetic_{n_edges}_{d_sae}.duckdb"
    if path.exists():
        return path
    said = Progress()
    words = vocabulary(n_tokens, seed)
    columns = make_columns(folder / f"columns_{n_edges}_{d_sae}", words, n_edges, d_sae, seed)
    said("edges drawn")
    features = feature_columns(columns, words, d_sae)
    said("features summed")
    tables = {
        "token": token_table(words, seed),
        "feature": feature_table(features, words, columns, seed),
    }
    said("tokens and features listed")
    tables["token_order"] = pa.table(
        {"token_order": list(range(len(ORDERS))), "name": list(ORDERS)}
    )
    tables["sae"] = pa.Table.from_pylist([sae_row(columns, features, words, d_sae)])
    tables |= coverage_tables(columns, words, d_sae, seed, said)
    tables |= example_tables(features["feature_index"], n_tokens, seed)
    tables |= graph_tables(0, graph_edges(columns, words, features, d_sae))
    said("grid and tiles")
    pieces = EdgePieces(
        int(columns.start[-1]), lambda: (columns.edges(*piece) for piece in columns.pieces())
    )
    publish(path, tables, [SaeEdges(0, SAE_ID, pieces, SCALE)], provenance(words, n_edges, seed))
    said(f"published, {path.stat().st_size / 1e6:,.0f} MB")
    return path


class Progress:
    """Says how long each step took."""

    def __init__(self) -> None:
        self.since = time.monotonic()

    def __call__(self, what: str) -> None:
        print(f"{time.monotonic() - self.since:7.1f} s  {what}", flush=True)


def provenance(words: Vocabulary, n_edges: int, seed: int) -> dict[str, Any]:
    return {
        "model": {"name": "none: made up to measure reading"},
        "saes": [{"sae_id": SAE_ID, "layer": 0}],
        "corpus": {"files": []},
        "counts": {
            "positions": int(words.occurrences.sum()),
            "documents": N_DOCUMENTS,
            "document_shards": 0,
            "vocabulary": len(words.occurrences),
            "function_tokens": int((words.classes == 1).sum()),
            "special_token_ids": list(range(N_SPECIAL)),
        },
        "job": {"synthetic": True, "edges": n_edges, "seed": seed},
        "code": code_version(),
        "created_at": None,
    }


def token_table(words: Vocabulary, seed: int) -> pa.Table:
    n, rank = len(words.occurrences), words.rank
    cumulative, random_rank = np.zeros(n, np.int64), np.zeros(n, np.int64)
    cumulative[words.ranked] = np.cumsum(words.occurrences[words.ranked])
    random_rank[np.random.default_rng(seed).permutation(words.ranked)] = np.arange(
        1, len(words.ranked) + 1
    )
    columns = {
        "token_id": np.arange(n),
        "text": [spelled(i) for i in range(n)],
        "token_class": words.classes,
        "occurrences": words.occurrences,
        "documents": words.documents,
    }
    ranks = {"rank": rank, "cumulative": cumulative, "random_rank": random_rank}
    return pa.table(
        columns | {name: pa.array(values, mask=values == 0) for name, values in ranks.items()}
    )


def spelled(number: int) -> str:
    """A word for a token: syllables of its number, every other one with a space before it."""
    text, left = "", number
    while True:
        text += "bdfgklmnprstvz"[left % 14] + "aeiou"[left // 14 % 5]
        left //= 70
        if not left:
            return (" " if number % 2 else "") + text


def sae_row(
    columns: Columns, features: dict[str, Any], words: Vocabulary, d_sae: int
) -> dict[str, Any]:
    n_firings = int(features["n_firings"].sum())
    return {
        "sae_ordinal": 0,
        "sae_id": SAE_ID,
        "layer": 0,
        "hook_name": "blocks.0.hook_resid_post",
        "architecture": "jumprelu",
        "d_model": 3584,
        "d_sae": d_sae,
        "l0": n_firings / int(words.occurrences.sum()),
        "n_active": len(features["feature_index"]),
        "n_edges": int(columns.start[-1]),
        "n_firings": n_firings,
        "act_scale": SCALE,
        "theta_grid": [0.0, 2.0, 9.0],
        "theta_quantiles": [0.0, 0.5, 0.9],
    }


def feature_table(
    features: dict[str, Any], words: Vocabulary, columns: Columns, seed: int
) -> pa.Table:
    shown = {name: column for name, column in features.items() if name != "sums"}
    mean = features["sums"] / features["n_firings"]
    lists = lists_of(columns, features["feature_index"], len(words.occurrences), seed)
    return pa.table(
        {
            **shown,
            "sae_ordinal": np.zeros(len(mean), np.uint8),
            "mean_activation": mean,
            "act_q999": features["act_max"] * 0.97,
            **lists,
        }
    )


# -- coverage ------------------------------------------------------------------------------------


def coverage_tables(
    columns: Columns, words: Vocabulary, d_sae: int, seed: int, said: Progress
) -> dict[str, pa.Table]:
    """degree, coverage_step and random_curve for every theta and min_count."""
    made: dict[str, list[pa.Table]] = {"degree": [], "coverage_step": [], "random_curve": []}
    generator = np.random.default_rng(seed)
    draws = [generator.permutation(words.ranked) for _ in range(RANDOM_DRAWS)]
    for theta in range(N_THETAS):
        for least in MIN_COUNTS:
            degree = degrees_of(columns, theta, least)
            by_degree = ranked_by(degree, words.ranked)
            orders = [words.ranked, ranked_by(words.documents, words.ranked), by_degree, *draws]
            places = np.full((len(orders), len(degree)), NEVER, np.int32)
            for row, ordered in zip(places, orders, strict=True):
                row[ordered] = np.arange(len(ordered))
            first = first_places(columns, places, theta, least, d_sae)
            key = {"sae_ordinal": 0, "theta_ordinal": theta, "min_count": least}
            listed = by_degree[degree[by_degree] > 0]
            made["degree"].append(_keyed(key, {"token_id": listed, "degree": degree[listed]}))
            named = {"frequency": 0, "document_coverage": 1, "degree": 2, "greedy": 2, "random": 3}
            for name, which in named.items():
                made["coverage_step"].append(_steps(key, name, first[which], orders[which]))
            made["random_curve"].append(_curve(key, first[3:], len(words.ranked)))
            said(f"coverage at theta {theta}, min_count {least}")
    return {name: pa.concat_tables(parts) for name, parts in made.items()}


def degrees_of(columns: Columns, theta: int, least: int) -> Ints:
    """[tokens] edges at a theta of the grid and a min_count."""
    made = np.zeros(len(columns.start) - 1, np.int64)
    for first, until in columns.pieces():
        kept = columns.counts(columns.slice(first, until))[theta] >= least
        running = np.concatenate([[0], np.cumsum(kept)])
        made[first:until] = np.diff(
            running[columns.start[first : until + 1] - columns.start[first]]
        )
    return made


def first_places(
    columns: Columns, places: npt.NDArray[np.int32], theta: int, least: int, d_sae: int
) -> npt.NDArray[np.int32]:
    """[orders, d_sae] smallest place of a token with an edge to the feature, in each order."""
    first = np.full((len(places), d_sae), NEVER, np.int32)
    for start, until in columns.pieces():
        which = columns.slice(start, until)
        kept = columns.counts(which)[theta] >= least
        token = np.repeat(np.arange(start, until), np.diff(columns.start[start : until + 1]))[kept]
        feature = columns.feature[which][kept]
        for mine, place in zip(first, places, strict=True):
            here = place[token]
            # few after the first pieces; minimum.at is slow
            lower = np.flatnonzero(here < mine[feature])
            np.minimum.at(mine, feature[lower], here[lower])
    return first


def _keyed(key: dict[str, int], columns: dict[str, Any]) -> pa.Table:
    n = len(next(iter(columns.values())))
    return pa.table({**{name: np.full(n, value) for name, value in key.items()}, **columns})


def _steps(
    key: dict[str, int], order: str, first: npt.NDArray[np.int32], ordered: Ints
) -> pa.Table:
    places, new = np.unique(first[first != NEVER], return_counts=True)
    columns = {
        "rank": places.astype(np.int64) + 1,
        "token_id": ordered[places],
        "new_features": new,
    }
    return _keyed({**key, "token_order": ORDERS.index(order)}, columns)


def _curve(key: dict[str, int], first: npt.NDArray[np.int32], n_tokens: int) -> pa.Table:
    ranks = log_ranks(n_tokens)
    covered = np.stack([np.searchsorted(np.sort(one), ranks) for one in first])
    spread = {
        "covered_mean": covered.mean(axis=0),
        "covered_min": covered.min(axis=0),
        "covered_max": covered.max(axis=0),
    }
    return _keyed(key, {"rank": ranks, **spread})


def graph_edges(
    columns: Columns, words: Vocabulary, features: dict[str, Any], d_sae: int
) -> GraphEdges:
    """The edges by rank and order, gathered token by token."""
    order = feature_order(features["first_rank"], features["n_firings"], features["feature_index"])
    order_of = np.zeros(d_sae, np.int64)
    order_of[features["feature_index"][order]] = np.arange(1, len(order) + 1)
    degree = np.diff(columns.start)

    def read(first: int, last: int) -> Places:
        tokens = words.ranked[first - 1 : last]
        which = np.concatenate(
            [np.arange(columns.start[t], columns.start[t + 1]) for t in tokens.tolist()]
        )
        rank = np.repeat(np.arange(first, last + 1), degree[tokens])
        return Places(
            rank, order_of[columns.feature[which]], columns.n_firings[which].astype(np.int64)
        )

    n_function = int((words.classes == 1).sum())
    first_rank = features["first_rank"][order]
    return GraphEdges(
        degree[words.ranked], features["n_tokens"][order], first_rank, n_function, read
    )

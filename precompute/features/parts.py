"""The parts of a feature's details, one pure function each;
columns are lists or arrays over the whole dictionary.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from backend.core.companions.features.lift import effective_firings
from backend.core.companions.features.store import BINS_PER_OCTAVE, COSINE_STEPS
from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.store import Store
from backend.core.store.edge_codec import Edges, encode_activation
from backend.core.store.features import FeatureRow
from backend.core.token_classes import FUNCTION
from precompute.building.corpus import Shard
from precompute.building.examples import TextFirings, fire
from precompute.building.features import UNEMBED_AT_ONCE, bin_middle
from precompute.job import BadInput

N_NEAR = 10
TIE = 1e-6  # cosines nearer than this are equal
BLOCK = 1 << 25  # elements of one block of cosines
PER_TOKEN = 2  # texts shown for each token of a feature
EFFECT_DIGITS = 3

Ints = npt.NDArray[np.int64]


def histograms(files: Sequence[Path], ordinal: int, d_sae: int) -> dict[str, Any]:
    """hist_first and hist: firings per quarter octave of activation,
    summed over the document shards.

    The partials have 32 bins an octave, evenly spaced within it; each goes where its middle lies,
    so a bin's edge is right to within 1.6 %.
    """
    key, n = np.empty(0, np.int64), np.empty(0, np.int64)
    for file in files:
        part = pq.read_table(file, filters=[("sae_ordinal", "=", ordinal)])
        fine = part["bin"].to_numpy().astype(np.int64)
        coarse = np.floor(BINS_PER_OCTAVE * np.log2(bin_middle(fine))).astype(np.int64) + (1 << 12)
        keys = np.concatenate(
            [key, part["feature_index"].to_numpy().astype(np.int64) << 13 | coarse]
        )
        key, where = np.unique(keys, return_inverse=True)
        n = np.bincount(where, weights=np.concatenate([n, part["n"].to_numpy()])).astype(np.int64)
    feature, at = key >> 13, (key & 0x1FFF) - (1 << 12)
    first, hist = [0] * d_sae, [list[int]() for _ in range(d_sae)]
    starts = np.flatnonzero(np.diff(feature, prepend=-1))
    for low, high in _runs(starts, len(feature)):
        dense = np.zeros(at[high - 1] - at[low] + 1, dtype=np.int64)
        dense[at[low:high] - at[low]] = n[low:high]
        first[feature[low]], hist[feature[low]] = int(at[low]), dense.tolist()
    return {"hist_first": first, "hist": hist}


def classes_by_shard(
    files: Sequence[Path], ordinal: int, d_sae: int, classes: Ints
) -> dict[str, Any]:
    """n_function, and n_effective from how the share at function tokens varies
    over document shards.
    """
    function, whole = (
        np.zeros((len(files), d_sae), np.int64),
        np.zeros((len(files), d_sae), np.int64),
    )
    for shard, file in enumerate(files):
        columns = ["token_id", "feature_index", "n_0"]
        part = pq.read_table(file, columns=columns, filters=[("sae_ordinal", "=", ordinal)])
        token, feature, n = (part[name].to_numpy().astype(np.int64) for name in columns)
        here = classes[token] == FUNCTION
        whole[shard] = np.bincount(feature, weights=n, minlength=d_sae)
        function[shard] = np.bincount(feature[here], weights=n[here], minlength=d_sae)
    return {"n_function": function.sum(axis=0), "n_effective": effective_firings(function, whole)}


def logit_effects(lm: LanguageModel, sae: Sae, features: Sequence[FeatureRow]) -> dict[str, Any]:
    """Effects on the logits of the tokens that the build lists;
    BadInput where it lists others than this model.
    """
    promoted, suppressed = list[list[float]](), list[list[float]]()
    for start in range(0, sae.d_sae, UNEMBED_AT_ONCE):
        rows = list(range(start, min(start + UNEMBED_AT_ONCE, sae.d_sae)))
        effect = lm.unembed_direction(sae.decoder_rows(rows)).cpu().numpy()
        for place, row in enumerate(rows):
            promoted.append(
                effect[place, features[row].promoted_token_ids].round(EFFECT_DIGITS).tolist()
            )
            suppressed.append(
                effect[place, features[row].suppressed_token_ids].round(EFFECT_DIGITS).tolist()
            )
    for up, down in zip(promoted, suppressed, strict=True):
        if sorted(up, reverse=True) != up or sorted(down) != down:
            raise BadInput(
                f"the build's promoted tokens of {sae.sae_id} are not this model's: give the "
                "build's own."
            )
    return {"promoted_effect": promoted, "suppressed_effect": suppressed}


def nearest(W_dec: Tensor, k: int = N_NEAR) -> dict[str, Any]:
    """The k nearest rows of each of W_dec [d_sae, d_model] by cosine, ties by index,
    and whether the cut parts a tie.

    A row of zeros has cosine 0 with every other.
    """
    unit = torch.nn.functional.normalize(W_dec.float(), dim=-1)
    d_sae = len(unit)
    k = min(k, d_sae - 1)
    index, cosine, tied = (
        np.zeros((d_sae, k), np.int64),
        np.zeros((d_sae, k)),
        np.zeros(d_sae, bool),
    )
    step = max(1, BLOCK // d_sae)
    for start in range(0, d_sae, step):
        rows = slice(start, min(start + step, d_sae))
        block = unit[rows] @ unit.T
        block[torch.arange(len(block)), torch.arange(rows.start, rows.stop)] = -torch.inf
        index[rows], cosine[rows], tied[rows] = _first_columns(block.cpu().numpy(), k)
    steps = np.round(np.clip(cosine, -1, 1) * COSINE_STEPS).astype(np.int64)
    return {"near_index": index.tolist(), "near_cosine": steps.tolist(), "near_tied": tied}


def _first_columns(
    block: npt.NDArray[np.float32], k: int
) -> tuple[Ints, npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Per row the k largest columns (index, value),
    and whether the next is as large as the last of them.
    """
    rows = np.arange(len(block))[:, None]
    more = min(k + 1, block.shape[1] - 1)  # the row itself holds -inf
    kept = np.argpartition(-block, more - 1, axis=1)[:, :more]
    order = np.lexsort((kept, -block[rows, kept]), axis=1)
    kept = kept[rows, order]
    value = block[rows, kept]
    tied = value[:, k - 1] - value[:, k] <= TIE if more > k else np.zeros(len(block), bool)
    # which of the tied came first is chance: take the lowest indices
    for row in np.flatnonzero(tied):
        last = value[row, k - 1]
        above = kept[row][value[row] > last + TIE]
        level = np.flatnonzero(np.abs(block[row] - last) <= TIE)
        kept[row, :k] = np.concatenate([above, level])[:k]
    kept = kept[:, :k]
    return kept, block[rows, kept].astype(np.float64), tied


def token_counts(
    edges: Edges, features: Sequence[FeatureRow], d_sae: int, scale: float
) -> dict[str, Any]:
    """Firings and largest activation behind each token of the two lists, 0 and 0 where the build
    lists no edge; `edges` sorted as in the store.
    """
    keys = edges.token_id * d_sae + edges.feature_index
    codes = encode_activation(edges.act_max, scale)
    columns: dict[str, Any] = {}
    for name, lists in (
        ("count", [row.top_token_ids for row in features]),
        ("strength", [row.top_by_strength for row in features]),
    ):
        sizes = [len(one) for one in lists]
        token = np.array([i for one in lists for i in one], dtype=np.int64)
        wanted = token * d_sae + np.repeat([row.feature_index for row in features], sizes)
        place = np.searchsorted(keys, wanted)
        place[place == len(keys)] = 0
        listed = keys[place] == wanted if len(keys) else np.zeros(len(wanted), bool)
        ends = np.cumsum(sizes)[:-1]
        for what, column in (("firings", edges.n_firings), ("max", codes)):
            numbers = np.zeros(len(wanted), np.int64)
            numbers[listed] = column[place[listed]]
            columns[f"{name}_{what}"] = [part.tolist() for part in np.split(numbers, ends)]
    return columns


def detail_table(ordinal: int, columns: dict[str, Any]) -> pa.Table:
    """Rows of `detail`; the columns cover the whole dictionary."""
    n = len(columns["hist"])
    return pa.table(
        {"sae_ordinal": np.full(n, ordinal, np.uint8), "feature_index": np.arange(n), **columns}
    )


# -- examples by token ----------------------------------------------------------------------------


def example_table(
    store: Store, lm: LanguageModel, sae: Sae, features: Sequence[FeatureRow]
) -> pa.Table:
    """Texts of the build in which a feature fires at the newline,
    or at the first tokens of its lists.
    """
    ordinal, scale = store.place_of(sae.sae_id)
    sequences = store.sequences(range(store.n_sequences()))
    texts = _padded(sequences)
    newline = [row.token_id for row in store.tokens(q="\n")[0] if row.text == "\n"]
    fired = fire(lm, sae, texts)
    token = texts.tokens[fired.sequence_id, fired.position]
    wanted = np.array(
        sorted(
            {
                row.feature_index * lm.vocab_size + token_id
                for row in features
                for token_id in (*newline, *row.top_token_ids[:2], *row.top_by_strength[:1])
            }
        ),
        dtype=np.int64,
    )
    numbers = np.array(sorted(sequences), dtype=np.int64)
    return _chosen_table(ordinal, scale, fired, token, wanted, lm.vocab_size, numbers)


def _padded(sequences: dict[int, list[int]]) -> Shard:
    """Texts in ascending order of their ids, padded with 0."""
    ids = sorted(sequences)
    lengths = np.array([len(sequences[i]) for i in ids], dtype=np.int64)
    tokens = np.zeros((len(ids), int(lengths.max(initial=1))), dtype=np.int64)
    for row, i in enumerate(ids):
        tokens[row, : lengths[row]] = sequences[i]
    return Shard(tokens, lengths, np.arange(len(ids), dtype=np.int64))


def _chosen_table(
    ordinal: int,
    scale: float,
    fired: TextFirings,
    token: Ints,
    wanted: Ints,
    vocab_size: int,
    numbers: Ints,
) -> pa.Table:
    """For each wanted (feature, token) the texts in which it fires there most strongly."""
    key = fired.feature_index * vocab_size + token
    at = np.flatnonzero(np.isin(key, wanted))
    at = at[np.lexsort((fired.sequence_id[at], -fired.activation[at], key[at]))]
    starts = np.flatnonzero(np.diff(key[at], prepend=-1))
    parts = [at[low : min(low + PER_TOKEN, high)] for low, high in _runs(starts, len(at))]
    chosen = np.concatenate([*parts, np.empty(0, np.int64)])
    run_key = fired.feature_index << 32 | fired.sequence_id
    by_run = np.lexsort((fired.position, run_key))
    low, high = (
        np.searchsorted(run_key[by_run], run_key[chosen], side=side) for side in ("left", "right")
    )
    runs = [by_run[a:b] for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    return pa.table(
        {
            "sae_ordinal": np.full(len(chosen), ordinal, np.uint8),
            "feature_index": fired.feature_index[chosen],
            "token_id": token[chosen],
            "sequence_id": numbers[fired.sequence_id[chosen]],
            "peak": fired.position[chosen],
            "positions": [fired.position[run].tolist() for run in runs],
            "activations": [
                encode_activation(fired.activation[run], scale).tolist() for run in runs
            ],
        }
    )


def _runs(starts: Ints, n: int) -> list[tuple[int, int]]:
    """(first, past the last) of each run of n things that begin at `starts`."""
    return list(zip(starts.tolist(), [*starts[1:].tolist(), n], strict=False))

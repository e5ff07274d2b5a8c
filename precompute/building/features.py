"""What a build says of each feature:
how often, how strongly, on which tokens, towards which tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from tqdm import tqdm

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.store.edge_merge import MergedEdges
from precompute.building.edges import BIN_SHIFT
from precompute.job import Job, load_arrays, save_arrays

N_TOP = 10  # tokens listed per feature and list
UNEMBED_AT_ONCE = 1024  # features

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def bin_middle(bins: Ints) -> Floats:
    """The activation in the middle of a histogram bin: within 1.6 % of every activation in it."""
    low, high = (
        np.asarray(edge << BIN_SHIFT, dtype=np.uint32).view(np.float32).astype(np.float64)
        for edge in (bins, bins + 1)
    )
    return (low + high) / 2


def top_tokens(edges: MergedEdges, keys: Sequence[npt.NDArray[np.generic]]) -> list[list[int]]:
    """For each active feature in ascending order, up to N_TOP token_ids,
    by descending keys, then token_id.
    """
    order = np.lexsort(
        (edges.token_id, *(-np.asarray(key) for key in reversed(keys)), edges.feature_index)
    )
    starts = np.flatnonzero(np.diff(edges.feature_index[order], prepend=-1))
    ends = np.minimum(np.append(starts[1:], len(order)), starts + N_TOP)
    token_id = edges.token_id[order]
    return [token_id[low:high].tolist() for low, high in zip(starts, ends, strict=True)]


def feature_table(
    sae_ordinal: int, edges: MergedEdges, q999: tuple[Ints, Ints], place: Ints, d_sae: int
) -> pa.Table:
    """Rows of the table `feature` for the active features, all but promoted and suppressed.

    q999: (feature_index, bin) of the 99.9th percentile; place: [vocab] rank - 1 of each token.
    """
    counts, feature = edges.counts[:, 0], edges.feature_index
    n_firings = np.bincount(feature, weights=counts, minlength=d_sae).astype(np.int64)
    sums = np.bincount(feature, weights=edges.act_sum, minlength=d_sae)
    most, first = np.zeros(d_sae), np.full(d_sae, np.iinfo(np.int64).max)
    np.maximum.at(most, feature, edges.act_max)
    np.minimum.at(first, feature, place[edges.token_id])
    active = np.flatnonzero(n_firings)
    if not np.array_equal(active, q999[0]):
        raise ValueError("edges and activation histograms disagree on which features fired")
    columns = {
        "sae_ordinal": np.full(len(active), sae_ordinal, np.uint8),
        "feature_index": active,
        "n_firings": n_firings[active],
        "n_tokens": np.bincount(feature, minlength=d_sae)[active],
        "mean_activation": sums[active] / n_firings[active],
        "act_max": most[active],
        "act_q999": np.minimum(bin_middle(q999[1]), most[active]),
        "first_rank": first[active] + 1,
        "top_by_count": top_tokens(edges, [counts, edges.act_max]),
        "top_by_strength": top_tokens(edges, [edges.act_max, counts]),
    }
    return pa.table(columns)


def make_directions(lm: LanguageModel, saes: Sequence[Sae], job: Job) -> None:
    """The next tokens that each feature's W_dec row raises and lowers most, for every feature."""
    path = job.work / "directions.npz"
    if path.exists():
        return
    special = torch.zeros(lm.vocab_size, dtype=torch.bool, device=lm.device)
    special[list(lm.special_ids)] = True
    arrays = {}
    for ordinal, sae in enumerate(saes):
        promoted, suppressed = list[Any](), list[Any]()
        for start in tqdm(
            range(0, sae.d_sae, UNEMBED_AT_ONCE), desc=f"directions {sae.sae_id}", mininterval=1
        ):
            rows = list(range(start, min(start + UNEMBED_AT_ONCE, sae.d_sae)))
            effect = lm.unembed_direction(sae.decoder_rows(rows))
            for found, signed in ((promoted, effect), (suppressed, -effect)):
                best = (
                    signed.masked_fill(special, -torch.inf).topk(min(N_TOP, lm.vocab_size)).indices
                )
                found.append(best.cpu().numpy())
        arrays[f"{ordinal}.promoted"] = np.concatenate(promoted)
        arrays[f"{ordinal}.suppressed"] = np.concatenate(suppressed)
    save_arrays(path, **arrays)


def with_directions(table: pa.Table, sae_ordinal: int, job: Job) -> pa.Table:
    """The feature table with its columns promoted and suppressed."""
    saved = load_arrays(job.work / "directions.npz", "examples")
    active = table["feature_index"].to_numpy()
    for name in ("promoted", "suppressed"):
        table = table.append_column(
            name, pa.array(saved[f"{sae_ordinal}.{name}"][active].tolist(), pa.list_(pa.int64()))
        )
    return table

"""How good each dictionary is: what its cfg.json states, or, where one of them states nothing,
measured of all on the same rows of the text.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.sae.stated import read_stated
from precompute.building.corpus import load_shard
from precompute.dictionaries.counting import Counted
from precompute.dictionaries.words import DICTIONARY, HERE, STATED
from precompute.experiments.result import Result
from precompute.experiments.subject import Subject
from precompute.training.export import SCORED_ROWS, decoded_in_parts
from precompute.training.measure import Kept, recovered_loss, variance

FIGURES = ("explained_variance", "reconstruction_score")


def qualities(subject: Subject, counted: Counted) -> dict[str, Any]:
    """JSON: where the figures come from, and by dictionary its figures with the rows that they are
    of.
    """
    stated = {sae.sae_id: vars(read_stated(sae.folder).figures) for sae in subject.saes}
    whole = all(one[name] is not None for one in stated.values() for name in FIGURES)
    found: dict[str, dict[str, Any]] = {
        name: {"trained_tokens": one["trained_tokens"]} for name, one in stated.items()
    }
    if whole:
        for name, one in stated.items():
            found[name] |= {figure: one[figure] for figure in FIGURES}
            found[name]["rows"] = one["scored_rows"] or 1
    else:
        kept, resid = scored(subject.lm, counted, subject.saes[0].layer)
        for sae in subject.saes:
            made = variance(resid, decoded_in_parts(sae, resid))
            made |= recovered_loss(subject.lm, kept, sae)
            found[sae.sae_id] |= {figure: made[figure] for figure in FIGURES}
            found[sae.sae_id]["rows"] = len(kept.rows)
    return {"source": STATED if whole else HERE, "figures": found}


def scored(lm: LanguageModel, counted: Counted, layer: int) -> tuple[Kept, torch.Tensor]:
    """(rows of equal length, evenly taken from all full ones; resid_post [n, d_model] of their
    positions that are neither special nor giant).
    """
    shards = [load_shard(counted.job.work, shard) for shard in range(counted.job.n_shards)]
    longest = max(int(shard.lengths.max()) for shard in shards)
    full = np.concatenate([shard.tokens[shard.lengths == longest][:, :longest] for shard in shards])
    n = min(SCORED_ROWS, len(full))
    rows = torch.from_numpy(full[np.linspace(0, len(full) - 1, n, dtype=np.int64)]).to(lm.device)
    resid = torch.cat([lm.resid_post(row[None], [layer])[layer] for row in rows]).float()
    special = torch.isin(rows, torch.tensor(sorted(lm.special_ids), device=lm.device))
    kept = Kept(rows, {layer: float(resid[~special].norm(dim=-1).median())})
    return kept, resid[kept.positions(lm, layer, resid)]


def record(result: Result, sae: Sae, made: dict[str, Any], firings: int, n_positions: int) -> None:
    """Rows of one dictionary: what is stated or measured, and its firings on this text."""
    where: dict[str, Any] = {"sae_id": sae.sae_id, "layer": sae.layer}
    figures = made["figures"][sae.sae_id]
    for figure in FIGURES:
        n, subject = figures["rows"], made["source"]
        result.estimated(DICTIONARY, figure, figures[figure], None, n, subject=subject, **where)
    if figures["trained_tokens"] is not None:
        result.exact(DICTIONARY, "trained_tokens", figures["trained_tokens"], **where)
    result.estimated(DICTIONARY, "l0", firings / n_positions, None, n_positions, **where)

"""Which token fires which feature of every dictionary: one forward pass of the text for all.

The same code as a build's: rows of whole documents in shards, each kept when it is done. Ranks and
classes of the tokens are those of the build, so that all dictionaries are asked about the same
tokens as its pages are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backend.core.store import Store
from precompute.building.edges import make_edges, shard_paths
from precompute.building.tokens import TokenTable, make_tokens
from precompute.engines.local import LocalEngine
from precompute.experiments.subject import Subject
from precompute.job import BadInput, Job
from precompute.statistics.edges import EdgeChunk
from precompute.statistics.rarefaction import LogFactorials
from precompute.statistics.reach import Comparison
from precompute.statistics.resample import draws
from precompute.statistics.shards import Reach, Scale, make_scale, read_reach

FEW_DRAWS, MANY_DRAWS = 100, 400  # as the statistics of a build draw
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Counted:
    """The text, and its edges in the job's folder. `tokens`: counted in this text, ranked and
    classed as in the build.
    """

    job: Job
    tokens: TokenTable
    scale: Scale
    chosen: Comparison  # the k most frequent tokens against content tokens

    @cached_property
    def few(self) -> Ints:
        return draws(self.job.n_shards, FEW_DRAWS, self.job.seed)

    @cached_property
    def many(self) -> Ints:
        return draws(self.job.n_shards, MANY_DRAWS, self.job.seed)

    @cached_property
    def log(self) -> LogFactorials:
        return LogFactorials(2 * self.tokens.n_positions)

    def reach(self, ordinal: int, d_sae: int) -> tuple[Reach, Ints]:
        """([shards, …] what each shard's features met, [vocab] partial edges of all shards)."""
        vocab = len(self.tokens.classes)
        parts, by_token = list[Reach](), np.zeros(vocab, dtype=np.int64)
        for shard in range(self.job.n_shards):
            path = shard_paths(self.job.work, shard)[0]
            one, edges = read_reach(path, ordinal, d_sae, self.scale, vocab)
            parts.append(one)
            by_token += edges
        names = ("first_place", "firings", "kind_firings")
        return Reach(*(np.stack([getattr(one, n) for one in parts]) for n in names)), by_token


def of_features(chunk: EdgeChunk, kept: Bools) -> EdgeChunk:
    """The edges of the `kept` [d_sae] features alone."""
    mine = kept[chunk.feature_index]
    by_shard = [one[mine] for one in chunk.by_shard]
    return EdgeChunk(chunk.token_id[mine], chunk.feature_index[mine], by_shard)


def count(subject: Subject, store: Store, job: Job, k: int) -> Counted:
    """Read the text, or go on with it; BadInput where k is beyond the function tokens."""
    tokens = ranked_as(make_tokens(subject.lm, job), subject.classes, store)
    if not 1 <= k <= tokens.n_function:
        raise BadInput(f"--k is {k}; allowed: 1 to {tokens.n_function}, the function tokens.")
    make_edges(LocalEngine(subject.lm, subject.saes), job)
    scale = make_scale(tokens, np.zeros(len(tokens.classes), np.int8), (k, tokens.n_function))
    return Counted(job, tokens, scale, Comparison(k, None, tokens.n_function))


def ranked_as(counted: TokenTable, classes: npt.NDArray[np.int8], store: Store) -> TokenTable:
    """The counts of this text with the build's ranks and classes; what the build never met comes
    last, by token id.
    """
    rows = [row for row in store.tokens(limit=len(classes))[0] if row.rank is not None]
    ranks = {row.token_id: row.rank or 0 for row in rows}
    last = len(ranks) + 1
    order = sorted(counted.ranked.tolist(), key=lambda token: (ranks.get(token, last), token))
    return replace(counted, ranked=np.array(order, dtype=np.int64), classes=classes)

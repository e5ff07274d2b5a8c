"""Corpus text to rows of token ids:
.jsonl, .jsonl.zst or a stream of the hub in, document shards out.

A row never mixes two documents, so that no token's features depend on an unrelated text. Short
documents make short rows; within a shard rows are sorted by length and batched by size, so little
of a forward pass is padding.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from backend.core.lm import LanguageModel
from precompute.building.documents import read_documents
from precompute.building.hub_text import stream_documents
from precompute.job import INTERVAL_SHARDS, BadInput, HubText, Job, load_arrays, save_arrays

TOKENISE_AT_ONCE = 512  # documents
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shard:
    """Rows of some whole documents, sorted by length."""

    tokens: Ints  # [rows, ctx_len], BOS first where the model has one, 0 after the end
    lengths: Ints  # [rows] positions in use, BOS included
    documents: Ints  # [rows] document id; long documents have several rows

    def used(self) -> npt.NDArray[np.bool_]:
        """Bool [rows, ctx_len]: False for padding."""
        return np.arange(self.tokens.shape[1])[None, :] < self.lengths[:, None]


def tokenised(lm: LanguageModel, source: Path | HubText, n_tokens: int) -> Iterator[list[int]]:
    """Token ids of the first documents of a file or stream, without BOS, until there are n_tokens.

    The last document is kept whole. All is read from the top: shuffle it beforehand.
    """
    taken, batch = 0, list[str]()
    name, texts = (
        (source.name, read_documents(source))
        if isinstance(source, Path)
        else (str(source), stream_documents(source))
    )
    with tqdm(
        total=n_tokens, unit="tok", unit_scale=True, desc=f"tokens {name}", mininterval=1
    ) as progress:
        for text in texts:
            batch.append(text)
            if len(batch) < TOKENISE_AT_ONCE:
                continue
            for ids in _encode(lm, batch):
                yield ids
                progress.update(len(ids))
                taken += len(ids)
                if taken >= n_tokens:
                    return
            batch = []
        for ids in _encode(lm, batch):
            yield ids
            taken += len(ids)
            if taken >= n_tokens:
                return
    print(f"{source} ended after {taken:,} of {n_tokens:,} tokens", file=sys.stderr)


def _encode(lm: LanguageModel, texts: Sequence[str]) -> Iterator[list[int]]:
    """Token ids of each text that has any. A token without a row of the embedding cannot be read by
    the model and is, like any special one, not counted: it is left out, and that is said.
    """
    if not texts:
        return
    for ids in lm.tokenizer(list(texts), add_special_tokens=False)["input_ids"]:
        kept = [token_id for token_id in ids if token_id < lm.vocab_size]
        if len(kept) < len(ids):
            print(f"{len(ids) - len(kept)} tokens without an embedding left out", file=sys.stderr)
        if kept:
            yield kept


def cut_rows(
    documents: Sequence[tuple[int, Sequence[int]]], ctx_len: int, bos_id: int | None
) -> Shard:
    """Documents (id, token ids) as rows, each beginning with BOS;
    the last row of a document may be short.
    """
    head = [] if bos_id is None else [bos_id]
    size = ctx_len - len(head)
    rows = [
        (document, [*head, *ids[start : start + size]])
        for document, ids in documents
        for start in range(0, len(ids), size)
    ]
    rows.sort(key=lambda row: len(row[1]))
    tokens = np.zeros((len(rows), ctx_len), dtype=np.int64)
    for place, (_, ids) in enumerate(rows):
        tokens[place, : len(ids)] = ids
    lengths = np.array([len(ids) for _, ids in rows], dtype=np.int64)
    return Shard(tokens, lengths, np.array([document for document, _ in rows], dtype=np.int64))


def batches(shard: Shard, batch_rows: int) -> Iterator[tuple[Ints, Ints]]:
    """(tokens [batch, longest], lengths [batch]) of about batch_rows * ctx_len positions each."""
    budget, start = batch_rows * shard.tokens.shape[1], 0
    while start < len(shard.lengths):
        stop = start + 1
        while stop < len(shard.lengths) and (stop + 1 - start) * shard.lengths[stop] <= budget:
            stop += 1
        longest = int(shard.lengths[stop - 1])
        yield shard.tokens[start:stop, :longest], shard.lengths[start:stop]
        start = stop


def shard_path(work: Path, shard: int) -> Path:
    """Where the rows of a document shard are kept."""
    return work / "rows" / f"shard_{shard:05d}.npz"


def write_shards(lm: LanguageModel, job: Job) -> int:
    """Tokenise the corpus into job.n_shards files of whole documents;
    returns the number of documents.

    Documents go to shards at random (seeded), so that shards are exchangeable for the bootstrap.
    """
    total = sum(job.weights)
    documents = [
        array("i", ids)  # a ninth of a list's size
        for source, weight in zip(job.corpus, job.weights, strict=True)
        for ids in tokenised(lm, source, round(job.n_tokens * weight / total))
    ]
    if len(documents) < job.n_shards:
        raise BadInput(
            f"the corpus gave {len(documents)} documents; {job.n_shards} shards need at least as "
            f"many: give more text (--corpus, --tokens) or fewer --shards ({INTERVAL_SHARDS} or "
            "more)."
        )
    order = np.random.default_rng(job.seed).permutation(len(documents))
    for shard in range(job.n_shards):
        mine = [(int(i), documents[i]) for i in order[shard :: job.n_shards]]
        made = cut_rows(mine, job.ctx_len, lm.bos_id)
        save_arrays(
            shard_path(job.work, shard),
            tokens=made.tokens.astype(np.int32),
            lengths=made.lengths,
            documents=made.documents,
        )
    return len(documents)


def load_shard(work: Path, shard: int) -> Shard:
    """Rows of a document shard; BadInput where the stage `tokens` has not made them."""
    arrays = load_arrays(shard_path(work, shard), "tokens")
    return Shard(arrays["tokens"].astype(np.int64), arrays["lengths"], arrays["documents"])

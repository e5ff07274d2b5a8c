"""Stage 4, `examples`: texts in which each feature fires. The model writes them.

No sentence of the corpus may travel with a build, so the texts are sampled from the model itself
(temperature 1, seeded, from BOS alone) and every answer says so. What a feature fires on in the
model's own words is what it fires on in text that the model finds likely, not in the corpus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm
from transformers import DynamicCache

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.building.corpus import Shard
from precompute.job import BadInput, Job, load_arrays, save_arrays

LENGTH = 64  # positions of a text, BOS included
SAMPLE_ROWS = 256
# per feature: how many texts, around which quantile of the feature's peaks (1 = the strongest)
PER_QUANTILE = ((1.0, 4), (0.9, 2), (0.5, 1), (0.1, 1))

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Chosen texts of one SAE: one entry per (feature, text) in the first
    five; firings are flat.
    """

    feature_index: Ints
    quantile: npt.NDArray[np.float64]
    sequence_id: Ints
    peak: Ints  # position of the strongest firing
    n_positions: Ints  # firings of the feature in that text: slices of the next two
    positions: Ints
    activations: npt.NDArray[np.float32]


@torch.inference_mode()
def sample_texts(lm: LanguageModel, n: int, seed: int) -> Shard:
    """n texts, temperature 1, at most LENGTH positions; a special token ends a text."""
    begin = _begin(lm)
    generator = torch.Generator(device=lm.device).manual_seed(seed)
    parts = []
    with tqdm(total=n, unit="text", desc="examples", mininterval=1) as progress:
        for start in range(0, n, SAMPLE_ROWS):
            rows = min(SAMPLE_ROWS, n - start)
            parts.append(_sample_batch(lm, begin, rows, generator))
            progress.update(rows)
    tokens = np.concatenate(parts) if parts else np.zeros((0, LENGTH), np.int64)
    ended = np.isin(tokens, list(lm.special_ids))
    ended[:, 0] = False
    lengths = np.where(ended.any(axis=1), ended.argmax(axis=1), tokens.shape[1]).astype(np.int64)
    tokens[np.arange(tokens.shape[1])[None, :] >= lengths[:, None]] = 0
    return Shard(tokens, lengths, np.arange(len(tokens), dtype=np.int64))


def _begin(lm: LanguageModel) -> int:
    """What texts are sampled behind: BOS; without one the token that ends the text before, or a
    newline.
    """
    for token_id in (lm.bos_id, *sorted(lm.eos_ids), lm.newline_id):
        if token_id is not None and token_id < lm.vocab_size:
            return token_id
    raise BadInput("the model has no token to sample texts behind: use --sequences 0.")


def _sample_batch(lm: LanguageModel, begin: int, rows: int, generator: torch.Generator) -> Ints:
    last = torch.full((rows, 1), begin, device=lm.device)
    cache, written = DynamicCache(config=lm.model.config), [last]
    for _ in range(LENGTH - 1):
        logits = lm.forward(last, past_key_values=cache, logits_to_keep=1).logits[:, -1].float()
        last = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator)
        written.append(last)
    return np.asarray(torch.cat(written, dim=1).cpu().numpy(), dtype=np.int64)


@dataclass(frozen=True)
class TextFirings:
    """All firings of one SAE in the texts; [n] each."""

    feature_index: Ints
    sequence_id: Ints
    position: Ints
    activation: npt.NDArray[np.float32]


def fire(lm: LanguageModel, sae: Sae, texts: Shard) -> TextFirings:
    """The firings of one SAE in the texts."""
    return fire_together(lm, [sae], texts)[0]


def fire_together(lm: LanguageModel, saes: Sequence[Sae], texts: Shard) -> list[TextFirings]:
    """Run the texts once through the model, and every SAE on its layer; special tokens are left out
    as in the corpus.
    """
    found: list[list[tuple[Ints, Ints, Ints, npt.NDArray[np.float32]]]] = [[] for _ in saes]
    special, layers = list(lm.special_ids), sorted({sae.layer for sae in saes})
    for start in range(0, len(texts.lengths), SAMPLE_ROWS):
        tokens = texts.tokens[start : start + SAMPLE_ROWS]
        lengths = texts.lengths[start : start + SAMPLE_ROWS]
        resid = lm.resid_post(torch.from_numpy(tokens).to(lm.device), layers)
        kept = (np.arange(tokens.shape[1])[None, :] < lengths[:, None]) & ~np.isin(tokens, special)
        row, position = np.nonzero(kept)
        for sae, parts in zip(saes, found, strict=True):
            fired = sae.encode(resid[sae.layer][torch.from_numpy(kept).to(lm.device)])
            where = fired.position.cpu().numpy()
            parts.append(
                (
                    fired.feature_index.cpu().numpy(),
                    row[where] + start,
                    position[where],
                    fired.activation.float().cpu().numpy(),
                )
            )
    return [
        TextFirings(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        for parts in found
    ]


def choose(fired: TextFirings) -> Examples:
    """For each feature the texts whose peaks are strongest,
    and those nearest to the lower quantiles.
    """
    order = np.lexsort((fired.position, fired.sequence_id, fired.feature_index))
    feature, sequence = fired.feature_index[order], fired.sequence_id[order]
    position, activation = fired.position[order], fired.activation[order]
    starts = np.flatnonzero(np.diff(feature, prepend=-1) | np.diff(sequence, prepend=-1))
    peaks = np.maximum.reduceat(activation, starts) if len(starts) else activation
    picked = list[tuple[int, float]]()  # (run, quantile)
    feature_of_run = feature[starts]
    bounds = np.flatnonzero(np.diff(feature_of_run, prepend=-1, append=-1))
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        picked += [(low + i, quantile) for i, quantile in _spread(peaks[low:high])]
    runs = np.array([run for run, _ in picked], dtype=np.int64)
    ends = np.append(starts[1:], len(feature))
    slices = [np.arange(starts[run], ends[run]) for run in runs]
    flat = np.concatenate(slices) if slices else np.empty(0, np.int64)
    peak = np.array([s[activation[s].argmax()] for s in slices], dtype=np.int64)
    return Examples(
        feature[starts[runs]],
        np.array([quantile for _, quantile in picked]),
        sequence[starts[runs]],
        position[peak],
        np.array([len(s) for s in slices], dtype=np.int64),
        position[flat],
        activation[flat],
    )


def _spread(peaks: npt.NDArray[np.float32]) -> list[tuple[int, float]]:
    """(index, its own quantile among the peaks) of the texts to show,
    strongest first, none twice.
    """
    order = np.argsort(-peaks, kind="stable")
    chosen = dict[int, float]()
    for quantile, wanted in PER_QUANTILE:
        start = round((1 - quantile) * (len(order) - 1))
        free = [place for place in range(start, len(order)) if int(order[place]) not in chosen]
        for place in free[:wanted]:
            chosen[int(order[place])] = 1.0 if len(order) == 1 else 1 - place / (len(order) - 1)
    return sorted(chosen.items(), key=lambda item: -item[1])


def make_examples(lm: LanguageModel, saes: Sequence[Sae], job: Job) -> None:
    """Sample the texts and choose examples for every SAE, unless the work folder has them."""
    path = job.work / "examples.npz"
    if path.exists():
        return
    texts = sample_texts(lm, job.n_sequences, job.seed)
    arrays: dict[str, npt.NDArray[Any]] = {
        "tokens": texts.tokens.astype(np.int32),
        "lengths": texts.lengths,
    }
    fired = fire_together(lm, saes, texts) if len(texts.lengths) else []
    for ordinal, one in enumerate(fired):
        arrays |= {f"{ordinal}.{name}": value for name, value in vars(choose(one)).items()}
    save_arrays(path, **arrays)


def load_examples(job: Job, n_saes: int) -> tuple[Shard, list[Examples]] | None:
    """The texts and each SAE's examples;
    None where the stage has not run or no texts were asked for.
    """
    path = job.work / "examples.npz"
    if not path.exists():
        return None
    saved = load_arrays(path, "examples")
    if not len(saved["lengths"]):
        return None
    names = Examples.__dataclass_fields__
    chosen = [
        Examples(*(saved[f"{ordinal}.{name}"] for name in names)) for ordinal in range(n_saes)
    ]
    rows = np.arange(len(saved["lengths"]), dtype=np.int64)
    return Shard(saved["tokens"].astype(np.int64), saved["lengths"], rows), chosen

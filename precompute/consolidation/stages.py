"""Stage `consolidation stages`:
what each checkpoint predicts (paper, Figure 10), and numbers for its stage.

Three things per checkpoint: the three most probable next tokens along fixed sentences, greedy
continuations of fixed prompts, and on held-out rows the most probable next tokens and what the
context beyond the last SHORT tokens is worth. One file a checkpoint in WORK/runs/<run>/stages.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from backend.core.lm import LanguageModel, top_next_tokens
from precompute.consolidation.series import Series, claim_run, note_shape
from precompute.consolidation.text import HeldOut, require_same, text_digest
from precompute.job import DTYPES, INTERVAL_SHARDS, BadInput, load_arrays, save_arrays, sha256

SENTENCES = Path(__file__).with_name("sentences.toml")
TOP = 3
CONTINUED = 16  # tokens of a greedy continuation
ROWS_PER_SHARD = 4  # full rows of each document shard
SHORT = 4  # tokens that the short context keeps, after BOS
EVERY = 8  # every so many positions is a target of the context gain …
FROM = 64  # … from this one on
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    """The fixed texts, as the run's tokenizer cuts them."""

    sentences: list[str]
    prompts: list[str]


def load_texts() -> Texts:
    """From sentences.toml."""
    table = tomllib.loads(SENTENCES.read_text("utf-8"))
    return Texts(table["sentences"], table["prompts"])


def stage_rows(text: HeldOut) -> tuple[Ints, Ints]:
    """(tokens [rows, ctx_len], document shard of each): the first full rows of every shard."""
    full = np.nonzero(text.rows.lengths == text.rows.tokens.shape[1])[0]
    chosen = [
        full[text.shard_of_row[full] == shard][:ROWS_PER_SHARD] for shard in range(INTERVAL_SHARDS)
    ]
    rows = np.concatenate(chosen)
    return text.rows.tokens[rows], text.shard_of_row[rows]


def along(
    lm: LanguageModel, ids: list[int]
) -> tuple[Ints, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(token_ids [pos, TOP], probabilities [pos, TOP], probability of the token that follows [pos -
    1]).
    """
    logits = lm.forward([ids]).logits[0]
    best, probabilities = top_next_tokens(logits, TOP)
    scores = logits[:-1].float().log_softmax(-1)
    follows = scores.gather(-1, torch.tensor(ids[1:], device=scores.device)[:, None])[:, 0].exp()
    return best.cpu().numpy(), probabilities.cpu().numpy(), follows.cpu().numpy()


def continued(lm: LanguageModel, ids: list[int]) -> Ints:
    """CONTINUED greedy tokens after ids; stops after an end token."""
    made: list[int] = []
    while len(made) < CONTINUED and (not made or made[-1] not in lm.eos_ids):
        logits = lm.forward([ids + made], logits_to_keep=1).logits[0, -1]
        made.append(int(logits.argmax()))
    return np.array(made, np.int64)


def predicted_and_whole(lm: LanguageModel, tokens: Ints) -> tuple[Ints, npt.NDArray[np.float32]]:
    """(most probable next token [rows, pos - 1], loss of the token that follows [rows, pos - 1]),
    row by row.
    """
    predicted, losses = [], []
    for row in tokens:
        logits = lm.forward(row[None]).logits[0, :-1].float()
        target = torch.from_numpy(row[1:]).to(logits.device)
        losses.append(
            (logits.logsumexp(-1) - logits.gather(-1, target[:, None])[:, 0]).cpu().numpy()
        )
        predicted.append(logits.argmax(-1).cpu().numpy())
    return np.stack(predicted), np.stack(losses)


def short_losses(lm: LanguageModel, tokens: Ints, positions: Ints) -> npt.NDArray[np.float32]:
    """[rows, positions] loss of the token at each position when only BOS and the SHORT tokens
    before it are seen.
    """
    columns = positions[:, None] + np.arange(-SHORT, 1)  # the last is the target
    windows = tokens[:, columns].reshape(-1, SHORT + 1)
    if lm.bos_id is not None:
        windows = np.concatenate([np.full((len(windows), 1), lm.bos_id), windows], axis=1)
    parts = [
        _last_loss(lm, torch.from_numpy(part))
        for part in np.array_split(windows, max(1, len(windows) // 128))
    ]
    return np.concatenate(parts).reshape(len(tokens), len(positions))


@torch.inference_mode()
def _last_loss(lm: LanguageModel, windows: Tensor) -> npt.NDArray[np.float32]:
    windows = windows.to(lm.device)
    logits = lm.forward(windows[:, :-1], logits_to_keep=1).logits[:, -1].float()
    loss = logits.logsumexp(-1) - logits.gather(-1, windows[:, -1:])[:, 0]
    return np.asarray(loss.cpu().numpy())


def make_stages(series: Series, text: HeldOut, work: Path, *, dtype: str, device: str) -> None:
    """Write what every checkpoint predicts, where that is not there yet."""
    folder, texts = claim_run(series, work), load_texts()
    basis = {"text": text_digest(text), "sentences": sha256(SENTENCES), "dtype": dtype}
    tokens, _ = stage_rows(text)
    if not len(tokens):
        raise BadInput(
            f"no held-out row is {text.rows.tokens.shape[1]} tokens long: take longer documents."
        )
    positions = np.arange(FROM, tokens.shape[1], EVERY)
    for checkpoint in tqdm(series.checkpoints, desc=f"stages {series.slug}"):
        path = folder / "stages" / f"step_{checkpoint.step:09d}.npz"
        if path.exists():
            require_same(path, load_arrays(path, "consolidation stages"), basis)
            continue
        lm = series.load(checkpoint, DTYPES[dtype], device)
        note_shape(folder, lm)
        arrays: dict[str, npt.NDArray[np.generic]] = {
            name: np.array(value) for name, value in basis.items()
        }
        for i, sentence in enumerate(texts.sentences):
            ids = lm.tokenize(sentence)
            best, probabilities, follows = along(lm, ids)
            arrays |= {
                f"ids{i}": np.array(ids),
                f"best{i}": best,
                f"p{i}": probabilities,
                f"target{i}": follows,
            }
        for i, prompt in enumerate(texts.prompts):
            ids = lm.tokenize(prompt)
            arrays |= {f"prompt{i}": np.array(ids), f"made{i}": continued(lm, ids)}
        predicted, whole = predicted_and_whole(lm, tokens)
        short = short_losses(lm, tokens, positions)
        save_arrays(path, predicted=predicted, whole=whole[:, positions - 1], short=short, **arrays)

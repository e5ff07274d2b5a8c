"""What the experiments are made on:
a model, its SAEs, the classes of its tokens, and questions with answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.lm.unembedding import positions_at_once
from backend.core.sae import Sae
from backend.core.steering.answers import all_answers
from backend.core.steering.generate import kl
from backend.core.steering.prompt import ReadPrompt
from backend.core.store import Store
from backend.core.token_classes import CLASS_NAMES
from precompute.lab.questions import Question
from precompute.lab.steering import CHINESE
from precompute.models import token_classes

BATCH = 32
ROOM = 8  # times the logits that are held together elsewhere: half a gigabyte
NEW_TOKENS = 16  # of a greedy answer
Edits = Sequence[Sequence[Intervention]]  # one list per question


class HasAnswer(Protocol):
    """A prompt and its right answer, in words."""

    @property
    def prompt(self) -> str: ...

    @property
    def answer(self) -> str: ...


@dataclass(frozen=True)
class Asked(ReadPrompt):
    """A question as the model reads it.

    `answer_ids`: the right answer, which follows the prompt.
    """

    question: HasAnswer
    answer_ids: list[int]


@dataclass(frozen=True)
class Subject:
    """`classes` int8 [vocab]: the build's token classes, as indices into CLASS_NAMES."""

    lm: LanguageModel
    saes: list[Sae]
    classes: np.ndarray
    seed: int

    @classmethod
    def of(cls, lm: LanguageModel, saes: Sequence[Sae], store: Store, seed: int) -> Subject:
        return cls(lm, sorted(saes, key=lambda sae: sae.layer), token_classes(lm, store), seed)

    def read_text(self, text: str) -> ReadPrompt:
        """A prompt with its classes; special tokens are neither function nor content."""
        ids = self.lm.tokenize(text)
        texts = [self.lm.token_text(token_id) for token_id in ids]
        return ReadPrompt(ids, texts, [CLASS_NAMES[code] for code in self.classes[ids]])

    def read(self, question: Question) -> Asked:
        prompt = self.read_text(question.prompt)
        answer = self.lm.tokenizer.encode(question.answer, add_special_tokens=False)
        return Asked(
            prompt.token_ids, prompt.texts, prompt.classes, question, [int(i) for i in answer]
        )

    def resid(self, token_ids: Sequence[int]) -> dict[int, Tensor]:
        """resid_post of a prompt at every SAE's layer: layer -> [pos, d_model]; the one place where
        a prompt's start could be shared.
        """
        found = self.lm.resid_post([token_ids], sorted({sae.layer for sae in self.saes}))
        return {layer: rows[0] for layer, rows in found.items()}


@torch.inference_mode()
def measure(
    lm: LanguageModel, asked: Sequence[Asked], edits: Edits | None = None
) -> tuple[np.ndarray, Tensor]:
    """(loss of the right answer, nats summed over its tokens, float64 [n]; log-probabilities
    float32 [n, vocab] of the token after the prompt), with the edits in each prompt.
    """
    losses, distributions = np.zeros(len(asked)), []
    widest = max((len(one.token_ids + one.answer_ids) for one in asked), default=1)
    batch = min(BATCH, max(1, ROOM * positions_at_once(lm.vocab_size) // widest))
    for start in range(0, len(asked), batch):
        part = asked[start : start + batch]
        rows = [one.token_ids + one.answer_ids for one in part]
        longest = max(map(len, rows))
        ids = torch.tensor(
            [row + [row[-1]] * (longest - len(row)) for row in rows], device=lm.device
        )
        mask = torch.tensor(
            [[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=lm.device
        )
        plans = list(edits[start : start + batch]) if edits is not None else [[] for _ in part]
        first = min(len(one.token_ids) for one in part) - 1  # nothing before is asked for
        with lm.intervening(plans, prompt_length=longest):
            scores = lm.forward(ids, attention_mask=mask, logits_to_keep=longest - first).logits
        for place, one in enumerate(part):
            at = len(one.token_ids) - 1 - first
            after = scores[place, at : at + len(one.answer_ids)].float().log_softmax(-1)
            targets = torch.tensor(one.answer_ids, device=lm.device)
            losses[start + place] = -float(after.gather(-1, targets[:, None]).sum())
            distributions.append(after[0])
    return losses, torch.stack(distributions)


def chinese(lm: LanguageModel, asked: Sequence[Asked], edits: Edits | None = None) -> int:
    """How many greedy answers have Han characters and no Latin letter."""
    plans = edits if edits is not None else [[] for _ in asked]
    found = all_answers(lm, [one.token_ids for one in asked], plans, max_new_tokens=NEW_TOKENS)
    return sum(CHINESE.shown(one.token_ids, one.text) for one in found)


def kl_rows(edited: Tensor, baseline: Tensor) -> NDArray[np.float64]:
    """`kl` of each row of two [n, vocab] log-probabilities, nats."""
    return np.array([kl(*pair) for pair in zip(edited, baseline, strict=True)])

"""What the experiments are made on:
a model, its SAEs, the classes of its tokens, and questions with answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.store import Store
from backend.core.token_classes import CLASS_NAMES
from precompute.lab.questions import Question

BATCH = 32
FUNCTION, CONTENT = CLASS_NAMES.index("function"), CLASS_NAMES.index("content")
Edits = Sequence[Sequence[Intervention]]  # one list per question


@dataclass(frozen=True)
class Asked:
    """A question as the model reads it.

    `answer_ids`: the right answer, which follows the prompt.
    """

    question: Question
    ids: list[int]
    answer_ids: list[int]
    function: list[int]  # positions of function tokens, ascending; special tokens are neither
    content: list[int]


@dataclass(frozen=True)
class Subject:
    """`classes` int8 [vocab]: the build's token classes, as indices into CLASS_NAMES."""

    lm: LanguageModel
    saes: list[Sae]
    classes: np.ndarray
    seed: int

    @classmethod
    def of(cls, lm: LanguageModel, saes: Sequence[Sae], store: Store, seed: int) -> Subject:
        classes = np.full(lm.vocab_size, CONTENT, np.int8)
        for token in store.tokens(token_class="function", limit=lm.vocab_size)[0]:
            classes[token.token_id] = FUNCTION
        classes[list(lm.special_ids)] = CLASS_NAMES.index("special")
        return cls(lm, sorted(saes, key=lambda sae: sae.layer), classes, seed)

    def read(self, question: Question) -> Asked:
        ids = self.lm.tokenize(question.prompt)
        answer = [
            int(i) for i in self.lm.tokenizer.encode(question.answer, add_special_tokens=False)
        ]
        found = self.classes[ids]
        return Asked(
            question,
            ids,
            answer,
            np.flatnonzero(found == FUNCTION).tolist(),
            np.flatnonzero(found == CONTENT).tolist(),
        )

    def resid(self, asked: Asked) -> dict[int, Tensor]:
        """resid_post of the prompt at every SAE's layer: layer -> [pos, d_model]."""
        found = self.lm.resid_post([asked.ids], [sae.layer for sae in self.saes])
        return {layer: rows[0] for layer, rows in found.items()}


@torch.inference_mode()
def measure(
    lm: LanguageModel, asked: Sequence[Asked], edits: Edits | None = None
) -> tuple[np.ndarray, Tensor]:
    """(loss of the right answer, nats summed over its tokens, float64 [n]; log-probabilities
    float32 [n, vocab] of the token after the prompt), with the edits in each prompt.
    """
    losses, distributions = np.zeros(len(asked)), []
    for start in range(0, len(asked), BATCH):
        part = asked[start : start + BATCH]
        rows = [one.ids + one.answer_ids for one in part]
        longest = max(map(len, rows))
        ids = torch.tensor(
            [row + [row[-1]] * (longest - len(row)) for row in rows], device=lm.device
        )
        mask = torch.tensor(
            [[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=lm.device
        )
        plans = list(edits[start : start + BATCH]) if edits is not None else [[] for _ in part]
        with lm.intervening(plans, prompt_length=longest):
            scores = lm.forward(ids, attention_mask=mask).logits
        for place, one in enumerate(part):
            after = (
                scores[place, len(one.ids) - 1 : len(one.ids) - 1 + len(one.answer_ids)]
                .float()
                .log_softmax(-1)
            )
            targets = torch.tensor(one.answer_ids, device=lm.device)
            losses[start + place] = -float(after.gather(-1, targets[:, None]).sum())
            distributions.append(after[0])
    return losses, torch.stack(distributions)


def kl_rows(edited: Tensor, baseline: Tensor) -> np.ndarray:
    """KL(edited ‖ baseline) in nats of each row of two [n, vocab] log-probabilities."""
    found: np.ndarray = (
        (edited.exp() * (edited - baseline)).double().sum(-1).clamp(min=0).cpu().numpy()
    )
    return found

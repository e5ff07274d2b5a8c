"""What follows a prompt, judged by the first token of the right answer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

OUTCOMES = {
    "loss": (
        "nats",
        "-log of the probability that all right answers' first tokens have together, after the "
        "prompt",
    ),
    "right": ("share", "prompts whose most probable next token begins a right answer"),
    "chosen": (
        "share",
        "prompts where a right answer's first token is more probable than that of any other "
        "subject's answer",
    ),
}


@dataclass(frozen=True)
class Said:
    """Of n rows: loss float64 [n] in nats; right and chosen, bool [n]. See OUTCOMES."""

    loss: NDArray[np.float64]
    right: NDArray[np.bool_]
    chosen: NDArray[np.bool_]

    def of(self, rows: slice | list[int]) -> Said:
        return Said(self.loss[rows], self.right[rows], self.chosen[rows])


def said(logits: Tensor, answers: Collection[int], candidates: Collection[int]) -> Said:
    """`logits` [n, vocab]; `answers`: first tokens that are right; `candidates`: those of every
    subject's answers.

    ValueError for no answer, or no candidate beside the answers.
    """
    own, others = sorted(set(answers)), sorted(set(candidates) - set(answers))
    if not own or not others:
        raise ValueError(f"answers are {own}, others {others}; needed: one or more of both.")
    scores = logits.double()
    loss = scores.logsumexp(-1) - scores[:, own].logsumexp(-1)
    right = torch.isin(scores.argmax(-1), torch.tensor(own, device=scores.device))
    chosen = scores[:, own].amax(-1) > scores[:, others].amax(-1)
    return Said(*(one.cpu().numpy() for one in (loss, right, chosen)))

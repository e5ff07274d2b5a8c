"""Steering experiments on the lab model:
one feature, the last function token, an answer's language.

The feature is chosen on trained phrasings and judged on held-out ones. Candidates are the features
whose mean activation at the final newline rises most when "Speak Chinese." stands before the
question; α is a multiple of that rise. Every arm edits one position of the prompt and nothing that
is generated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.core.intervals import wilson
from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.answers import all_answers
from backend.core.steering.arms import At, adding_feature
from backend.core.steering.contrast import last_residuals, rise
from backend.core.steering.targets import LanguageTarget
from backend.core.token_classes import CONTENT
from precompute.lab.questions import Question

MAX_NEW_TOKENS = 16
MULTIPLES = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0, 18.0)
CHINESE = LanguageTarget("zh")

# Prompt ids -> what to edit in that prompt.
Edit = Callable[[list[int]], Sequence[Intervention]]


@dataclass(frozen=True)
class Chosen:
    """The feature and α (raw, on W_dec[f]) that did best on the trained phrasings."""

    sae_id: str
    feature_index: int
    value: float
    multiple: float
    rise: float  # mean activation at the final newline, asked for Chinese minus not asked
    decoder_norm: float


def answers(lm: LanguageModel, prompts: Sequence[str], edit: Edit | None = None) -> list[str]:
    """Greedy answers up to the end of the document, in the order of the prompts."""
    ids = [lm.tokenize(prompt) for prompt in prompts]
    edits = [edit(row) if edit else [] for row in ids]
    return [one.text for one in all_answers(lm, ids, edits, max_new_tokens=MAX_NEW_TOKENS)]


def rate(right: int, n: int) -> dict[str, Any]:
    """A share with its Wilson 95 % interval."""
    low, high = wilson(right, n)
    return {"share": right / n, "low": low, "high": high, "right": right, "n": n}


def last_resid(
    lm: LanguageModel, prompts: Sequence[str], layers: Sequence[int]
) -> dict[int, Tensor]:
    """resid_post at each prompt's last position: layer -> [n, d_model]."""
    return last_residuals(lm, [lm.tokenize(prompt) for prompt in prompts], layers)


def last(ids: Sequence[int]) -> int:
    """The prompt's last position (the final newline)."""
    return len(ids) - 1


def last_content(classes: NDArray[np.int8]) -> Callable[[Sequence[int]], int]:
    """The last content token before the prompt's final newline; position 1 where there is none."""
    return lambda ids: next(
        (p for p in range(len(ids) - 2, 0, -1) if classes[ids[p]] == CONTENT), 1
    )


def at(add: At, position_of: Callable[[Sequence[int]], int] = last) -> Edit:
    """The edit at the position that `position_of` names for the prompt's ids."""
    return lambda ids: [add(position_of(ids))]


def rises(
    lm: LanguageModel, saes: Sequence[Sae], plain: Sequence[str], asked: Sequence[str]
) -> dict[str, Tensor]:
    """Mean activation at the last position over `asked` minus that over `plain`:
    sae_id -> [d_sae].
    """
    layers = sorted({sae.layer for sae in saes})
    before, after = last_resid(lm, plain, layers), last_resid(lm, asked, layers)
    return {sae.sae_id: rise(sae, after[sae.layer], before[sae.layer]) for sae in saes}


def score(
    lm: LanguageModel, questions: Sequence[Question], edit: Edit | None, chinese: dict[str, str]
) -> tuple[int, int]:
    """(answers in Chinese, right Chinese answers);
    `chinese` maps a prompt to its Chinese answer.
    """
    texts = answers(lm, [q.prompt for q in questions], edit)
    right = sum(text.strip() == chinese[q.prompt] for q, text in zip(questions, texts, strict=True))
    return sum(CHINESE.shown((), text) for text in texts), right


@dataclass(frozen=True)
class Trial:
    """One candidate on the trained phrasings: answers in Chinese and right ones, of n asked."""

    candidate: Chosen
    chinese: int
    right: int
    n: int


def choose(
    lm: LanguageModel,
    saes: Sequence[Sae],
    questions: Sequence[Question],
    chinese: dict[str, str],
    candidates: int = 6,
) -> tuple[Chosen, list[Trial]]:
    """The feature and α with most right Chinese answers on `questions`, and every trial made.

    Per SAE: the `candidates` features that rise most, at each of MULTIPLES times their rise.
    ValueError when none turns a third of the answers Chinese.
    """
    plain = [q.prompt for q in questions]
    rise = rises(lm, saes, plain, [f"Speak Chinese. {prompt}" for prompt in plain])
    trials = [
        _try(lm, sae, questions, chinese, feature, multiple, float(rise[sae.sae_id][feature]))
        for sae in saes
        for feature in rise[sae.sae_id].topk(candidates).indices.tolist()
        for multiple in MULTIPLES
    ]
    whole = [trial for trial in trials if trial.n == len(questions)]
    if not whole:
        raise ValueError(
            "no single feature turned a third of the answers Chinese; train longer or widen the SAE"
        )
    return max(whole, key=lambda trial: trial.right).candidate, trials


def _try(
    lm: LanguageModel,
    sae: Sae,
    questions: Sequence[Question],
    chinese: dict[str, str],
    feature: int,
    multiple: float,
    rise: float,
) -> Trial:
    """On the first third of the questions;
    on all of them when a third of those came out Chinese.
    """
    norm = float(sae.decoder_rows([feature]).norm())
    candidate = Chosen(sae.sae_id, feature, multiple * rise, multiple, rise, norm)
    edit = at(adding_feature(sae, feature, candidate.value))
    few = questions[: len(questions) // 3]
    trial = Trial(candidate, *score(lm, few, edit, chinese), len(few))
    if trial.chinese <= len(few) // 3:
        return trial
    return Trial(candidate, *score(lm, questions, edit, chinese), len(questions))


def random_features(sae: Sae, exclude: int, n: int, generator: torch.Generator) -> list[int]:
    """n feature indices drawn without repetition, never `exclude`."""
    drawn = torch.randperm(sae.d_sae, generator=generator).tolist()
    return [feature for feature in drawn if feature != exclude][:n]

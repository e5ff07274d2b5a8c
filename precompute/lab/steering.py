"""Steering experiments on the lab model:
one feature, the last function token, an answer's language.

The feature is chosen on trained phrasings and judged on held-out ones. Candidates are the features
whose mean activation at the final newline rises most when "Speak Chinese." stands before the
question; α is a multiple of that rise. Every arm edits one position of the prompt and nothing that
is generated.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from scipy.stats import binomtest
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.arms import At, adding_feature
from precompute.lab.questions import Question

MAX_NEW_TOKENS = 16
BATCH = 64
MULTIPLES = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0, 18.0)
HAN, LATIN = re.compile(r"[一-鿿]"), re.compile(r"[A-Za-z]")

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


@torch.inference_mode()
def answers(lm: LanguageModel, prompts: Sequence[str], edit: Edit | None = None) -> list[str]:
    """Greedy answers up to the end of the document, in the order of the prompts.

    Prompts of one length share a batch, so no padding is needed; each step is computed anew from
    the whole sequence, without a cache.
    """
    ids = [lm.tokenize(prompt) for prompt in prompts]
    by_length: dict[int, list[int]] = {}
    for index, row in enumerate(ids):
        by_length.setdefault(len(row), []).append(index)
    out = [""] * len(prompts)
    for members in by_length.values():
        for start in range(0, len(members), BATCH):
            chunk = members[start : start + BATCH]
            for index, text in zip(chunk, _greedy(lm, [ids[i] for i in chunk], edit), strict=True):
                out[index] = text
    return out


def _greedy(lm: LanguageModel, rows: list[list[int]], edit: Edit | None) -> list[str]:
    length = len(rows[0])
    plans = [list(edit(row)) if edit else [] for row in rows]
    tokens = torch.tensor(rows, device=lm.device)
    done = torch.zeros(len(rows), dtype=torch.bool, device=lm.device)
    eos = torch.tensor(sorted(lm.eos_ids), device=lm.device)
    with lm.intervening(plans, prompt_length=length):
        for _ in range(MAX_NEW_TOKENS):
            following = lm.forward(tokens, logits_to_keep=1).logits[:, -1].argmax(-1)
            done |= torch.isin(following, eos)
            tokens = torch.cat([tokens, following[:, None]], 1)
            if bool(done.all()):
                break
    return [_until_end(lm, row) for row in tokens[:, length:].tolist()]


def _until_end(lm: LanguageModel, ids: list[int]) -> str:
    ends = [i for i, token in enumerate(ids) if token in lm.eos_ids]
    return lm.decode(ids[: ends[0]] if ends else ids)


def rate(right: int, n: int) -> dict[str, Any]:
    """A share with its Wilson 95 % interval."""
    low, high = binomtest(right, n).proportion_ci(method="wilson")
    return {"share": right / n, "low": float(low), "high": float(high), "right": right, "n": n}


def is_chinese(text: str) -> bool:
    """Han characters and no Latin letter."""
    return bool(HAN.search(text)) and not LATIN.search(text)


def last_resid(
    lm: LanguageModel, prompts: Sequence[str], layers: Sequence[int]
) -> dict[int, Tensor]:
    """resid_post at each prompt's last position: layer -> [n, d_model]."""
    rows = [
        {k: v[0, -1] for k, v in lm.resid_post([lm.tokenize(prompt)], layers).items()}
        for prompt in prompts
    ]
    return {layer: torch.stack([row[layer] for row in rows]) for layer in layers}


def last(ids: list[int]) -> int:
    """The prompt's last position (the final newline)."""
    return len(ids) - 1


def at(add: At, position_of: Callable[[list[int]], int] = last) -> Edit:
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
    return {
        s.sae_id: s.encode_dense(after[s.layer]).mean(0) - s.encode_dense(before[s.layer]).mean(0)
        for s in saes
    }


def score(
    lm: LanguageModel, questions: Sequence[Question], edit: Edit | None, chinese: dict[str, str]
) -> tuple[int, int]:
    """(answers in Chinese, right Chinese answers);
    `chinese` maps a prompt to its Chinese answer.
    """
    texts = answers(lm, [q.prompt for q in questions], edit)
    right = sum(text.strip() == chinese[q.prompt] for q, text in zip(questions, texts, strict=True))
    return sum(map(is_chinese, texts)), right


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

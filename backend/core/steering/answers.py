"""Greedy answers to many prompts at once, each prompt with interventions of its own.

Prompts of different lengths share a batch, padded on the left; nothing attends to the padding, and
positions count from each prompt's own first token. So an intervention says where in its own prompt
it acts, as anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Event

import torch
from torch import Tensor
from transformers import DynamicCache

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention

BATCH = 32


@dataclass(frozen=True)
class Answer:
    """Tokens up to the end of the text or the limit, without the eos; `text` is them decoded."""

    token_ids: list[int]
    text: str


@torch.inference_mode()
def answers(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    edits: Sequence[Sequence[Intervention]],
    *,
    max_new_tokens: int,
    stop: Event | None = None,
) -> Iterator[list[Answer]]:
    """Greedy answers in the order of the prompts, a batch at a time; ends early when `stop` is set.

    `edits`: one list per prompt, at explicit positions of that prompt (no rule "all", no generated
    positions, which differ from row to row). ValueError for anything else, or for no prompt.
    """
    if len(prompts) != len(edits) or not all(prompts):
        raise ValueError(
            f"Needed: prompts with one list of interventions each; got {len(prompts)} and "
            f"{len(edits)}."
        )
    for prompt, row in zip(prompts, edits, strict=True):
        for one in row:
            if (
                one.positions == "all"
                or one.include_generated
                or max(one.positions, default=-1) >= len(prompt)
            ):
                raise ValueError(
                    f"positions are {one.positions}, include_generated {one.include_generated}; "
                    f"needed here: numbers from 0 to {len(prompt) - 1}, prompt only."
                )
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # little padding
    kept: dict[int, Answer] = {}
    done = 0
    for start in range(0, len(order), BATCH):
        if stop is not None and stop.is_set():
            return
        members = order[start : start + BATCH]
        made = _batch(
            lm, [prompts[i] for i in members], [edits[i] for i in members], max_new_tokens
        )
        kept.update(zip(members, made, strict=True))
        ready = []
        while done in kept:
            ready.append(kept.pop(done))
            done += 1
        yield ready


def all_answers(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    edits: Sequence[Sequence[Intervention]],
    *,
    max_new_tokens: int,
) -> list[Answer]:
    """`answers` in one list."""
    return [
        one for batch in answers(lm, prompts, edits, max_new_tokens=max_new_tokens) for one in batch
    ]


def _batch(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    edits: Sequence[Sequence[Intervention]],
    limit: int,
) -> list[Answer]:
    longest = max(map(len, prompts))
    filler = min(lm.eos_ids | {0})
    ids = torch.tensor([[filler] * (longest - len(p)) + list(p) for p in prompts], device=lm.device)
    mask = torch.tensor(
        [[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=lm.device
    )
    eos = torch.tensor(sorted(lm.eos_ids), device=lm.device)
    cache = DynamicCache(config=lm.model.config)
    made: list[Tensor] = []
    ended = torch.zeros(len(prompts), dtype=torch.bool, device=lm.device)
    step, positions = ids, (mask.cumsum(-1) - 1).clamp(min=0)
    while len(made) < limit and not bool(ended.all()):
        # only the prompt is edited: after it the plan would be looked at in vain, step by step
        with nullcontext() if made else lm.intervening(edits, prompt_length=longest):
            logits = lm.model(
                input_ids=step,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits
        chosen = logits[:, -1].argmax(-1)
        ended |= torch.isin(chosen, eos)
        made.append(chosen)
        step, positions = chosen[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=-1)
    rows = torch.stack(made, dim=1).tolist() if made else [[] for _ in prompts]
    return [_answer(lm, row) for row in rows]


def _answer(lm: LanguageModel, row: Sequence[int]) -> Answer:
    end = next((i for i, token_id in enumerate(row) if token_id in lm.eos_ids), len(row))
    return Answer(list(row[:end]), lm.decode(row[:end]))

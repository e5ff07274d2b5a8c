"""Greedy answers to many prompts at once, each prompt with interventions of its own.

Prompts of different lengths share a batch, padded on the left; nothing attends to the padding, and
positions count from each prompt's own first token. So an intervention says where in its own prompt
it acts, as anywhere else. Behind a prefix that was run before, padding would stand between it and
the rest, where a sliding window would count it: there a batch has prompts of one length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Event

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.lm.past import Past, begin, held_of
from backend.core.steering.prefill import check_after
from backend.core.steering.text import first_stop

BATCH = 32


@dataclass(frozen=True)
class Answer:
    """Tokens up to the end of the text or the limit, without the eos; `text` is them decoded, up to
    a stop.
    """

    token_ids: list[int]
    text: str


@torch.inference_mode()
def answers(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    edits: Sequence[Sequence[Intervention]],
    *,
    max_new_tokens: int,
    until: Sequence[str] = (),
    past: Past | None = None,
    stop: Event | None = None,
) -> Iterator[list[Answer]]:
    """Greedy answers in the order of the prompts, a batch at a time; ends early when `stop` is set.

    `edits`: one list per prompt, at explicit positions of that prompt (no rule "all", no generated
    positions, which differ from row to row). ValueError for anything else, or for no prompt. An
    answer ends before the first of the strings `until`. `past`: a prefix of all the prompts that
    was run before.
    """
    _check(prompts, edits)
    check_after(past, edits)
    kept: dict[int, Answer] = {}
    done = 0
    for members in batches(prompts, past):
        if stop is not None and stop.is_set():
            return
        batch = _Batch(lm, [prompts[i] for i in members], past)
        made = batch.answers([edits[i] for i in members], max_new_tokens, until)
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
    until: Sequence[str] = (),
    past: Past | None = None,
) -> list[Answer]:
    """`answers` in one list."""
    made = answers(lm, prompts, edits, max_new_tokens=max_new_tokens, until=until, past=past)
    return [one for batch in made for one in batch]


def _check(prompts: Sequence[Sequence[int]], edits: Sequence[Sequence[Intervention]]) -> None:
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


def batches(prompts: Sequence[Sequence[int]], past: Past | None) -> Iterator[list[int]]:
    """Which prompts run together: at most BATCH, of like lengths; behind `past` of one length."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # little padding
    members: list[int] = []
    for i in order:
        other = past is not None and members and len(prompts[members[0]]) != len(prompts[i])
        if len(members) == BATCH or other:
            yield members
            members = []
        members.append(i)
    if members:
        yield members


class _Batch:
    """Prompts that run together, what `past` lacks of them padded on the left to one length."""

    def __init__(
        self, lm: LanguageModel, prompts: Sequence[Sequence[int]], past: Past | None
    ) -> None:
        self.lm, self.past = lm, past
        held = [held_of(past, prompt) for prompt in prompts][0]
        self.longest = max(map(len, prompts))
        filler = min(lm.eos_ids | {0})
        padding = [self.longest - len(prompt) for prompt in prompts]
        rows = [
            [filler] * n + list(prompt[held:]) for n, prompt in zip(padding, prompts, strict=True)
        ]
        self.ids = torch.tensor(rows, device=lm.device)
        self.mask = torch.ones(len(prompts), self.longest, dtype=torch.long, device=lm.device)
        for row, n in enumerate(padding):
            self.mask[row, :n] = 0

    def answers(
        self, edits: Sequence[Sequence[Intervention]], limit: int, until: Sequence[str]
    ) -> list[Answer]:
        """Greedy, at most `limit` tokens each."""
        lm, step, mask = self.lm, self.ids, self.mask
        eos = torch.tensor(sorted(lm.eos_ids), device=lm.device)
        cache = begin(lm.model, self.past, len(mask))
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -step.shape[1] :]
        made: list[Tensor] = []
        ended = torch.zeros(len(mask), dtype=torch.bool, device=lm.device)
        while len(made) < limit and not bool(ended.all()):
            # only the prompt is edited: after it the plan would be looked at in vain, step by step
            with nullcontext() if made else lm.intervening(edits, prompt_length=self.longest):
                logits = lm.model(
                    input_ids=step,
                    attention_mask=mask,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits
            made.append(logits[:, -1].argmax(-1))
            ended |= torch.isin(made[-1], eos)
            if until:
                ended |= self._stopped(torch.stack(made, dim=1), until)
            step, positions = made[-1][:, None], positions[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=-1)
        rows = torch.stack(made, dim=1).tolist() if made else [[] for _ in mask]
        return [_answer(lm, row, until) for row in rows]

    def _stopped(self, made: Tensor, until: Sequence[str]) -> Tensor:
        """bool [row]: whether the text so far holds one of the strings."""
        return torch.tensor(
            [first_stop(self.lm.decode(row), until) is not None for row in made.tolist()],
            device=made.device,
        )


def _answer(lm: LanguageModel, row: Sequence[int], until: Sequence[str]) -> Answer:
    """Up to eos, or up to and with the token that completes a stop; what follows was made for other
    rows.
    """
    end = next((i for i, token_id in enumerate(row) if token_id in lm.eos_ids), len(row))
    ids = list(row[:end])
    if until:
        texts = (lm.decode(ids[:n]) for n in range(1, len(ids) + 1))
        ids = ids[
            : next(
                (n for n, text in enumerate(texts, 1) if first_stop(text, until) is not None),
                len(ids),
            )
        ]
    text = lm.decode(ids)
    return Answer(ids, text[: first_stop(text, until)])

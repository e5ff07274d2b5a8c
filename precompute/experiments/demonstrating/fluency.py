"""How probable an answer is to the model without any edit: what an edit breaks, it writes badly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past, begin, held_of
from backend.core.lm.unembedding import positions_at_once


@torch.inference_mode()
def log_probabilities(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    past: Past | None = None,
) -> list[float | None]:
    """Mean nats a token of each answer after its prompt; None for an answer without tokens.

    `past`: a prefix of all the prompts that was run before. Rows are padded on the right, which
    nothing before it attends to.
    """
    held = [held_of(past, prompt) for prompt in prompts][:1]
    found: list[float | None] = [None] * len(prompts)
    for members in _batches(lm, prompts, answers):
        rows = [[*prompts[i][held[0] :], *answers[i]] for i in members]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [row[-1]] * (longest - len(row)) for row in rows])
        first = min(len(prompts[i]) for i in members) - held[0] - 1  # predicts an answer's token
        logits = lm.forward(
            ids.to(lm.device),
            logits_to_keep=longest - first,
            past_key_values=begin(lm.model, past, len(rows)),
        ).logits
        for place, i in enumerate(members):
            start = len(prompts[i]) - held[0] - 1 - first
            scores = logits[place, start : start + len(answers[i])].float()
            target = torch.tensor(list(answers[i]), device=scores.device)
            own = scores.gather(-1, target[:, None])[:, 0] - scores.logsumexp(-1)
            found[i] = float(own.double().mean())
    return found


def _batches(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
) -> Iterator[list[int]]:
    """Rows that have an answer, by length, so many that their logits fit."""
    room = positions_at_once(lm.vocab_size)
    order = sorted(
        (i for i in range(len(prompts)) if answers[i]),
        key=lambda i: (len(prompts[i]), len(answers[i])),
    )
    members: list[int] = []
    for i in order:
        kept = [*members, i]
        longest = max(len(prompts[j]) + len(answers[j]) for j in kept)
        if members and len(kept) * (longest - min(len(prompts[j]) for j in kept) + 1) > room:
            yield members
            members = []
        members.append(i)
    if members:
        yield members

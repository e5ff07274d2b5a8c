"""Both arms of a steering experiment, token by token, from one state.

All arms run as rows of one batch, so an arm without interventions is the baseline bit for bit.
Samples share their arm's prompt, as arms share what is the same in all of them (prefill).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past
from backend.core.steering.prefill import Arm, Prefill, check_after, prefill
from backend.core.steering.text import Text


@dataclass(frozen=True)
class Step:
    """One token of one text. `index` counts from 0 after the prompt."""

    arm: int
    sample: int
    index: int
    token_id: int
    probability: float  # under the arm's own distribution at temperature 1
    text: str  # what this token completes; "" within a character or a stop, and for eos
    finished: bool  # the text ends here: eos, a stop, or max_new_tokens reached


def kl(steered: Tensor, baseline: Tensor) -> float:
    """KL(steered ‖ baseline) in nats, of two log-probability vectors [vocab];
    0 where steered is 0.
    """
    p, q = steered.double(), baseline.double()
    terms = torch.where(p == -torch.inf, 0.0, p.exp() * (p - q))
    return max(0.0, float(terms.sum()))


def first_greedy_step(
    lm: LanguageModel, log_probs: Tensor, max_new_tokens: int, until: Sequence[str] = ()
) -> Step:
    """What `generate_arms` yields first for arm 0 at temperature 0, from its distribution [vocab]
    alone.
    """
    texts = [Text(lm, until)]
    return next(
        _steps(0, log_probs.argmax(-1)[None], log_probs[None], texts, 1, max_new_tokens == 1)
    )


def generate_arms(
    lm: LanguageModel,
    prompt_ids: Sequence[int],
    arms: Sequence[Arm],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    samples: int = 1,
    seed: int = 0,
    until: Sequence[str] = (),
    stop: Event | None = None,
    past: Past | None = None,
    start: Prefill | None = None,
) -> Iterator[Step]:
    """Yields every token as it is made, arm by arm within a step; ends early when `stop` is set.

    Temperature 0 is greedy. Otherwise sample s draws from its own generator seeded by (seed, s),
    and the arms share its draws: they differ only where their distributions do. A text ends before
    the first of the strings `until` in it. `past` holds a prefix of the prompt that was run before.
    `start` takes over what `prefill` did for the same prompt and arms, frozen attention included:
    generated tokens attend freely. ValueError for settings out of range.
    """
    _check(lm, len(prompt_ids), max_new_tokens, temperature, samples)
    wanted = tuple(tuple(arm) for arm in arms)
    if start is not None and (start.arms, start.prompt_length) != (wanted, len(prompt_ids)):
        raise ValueError("start was made for another prompt or other arms: call prefill again.")
    with lm.intervening(arms, prompt_length=len(prompt_ids)):
        pass  # refuses now, not at the first token
    check_after(past, arms)
    draw = _Draw(temperature, samples, len(arms), seed)

    def begin() -> Prefill:
        return start or prefill(lm, prompt_ids, wanted, past=past)

    return _generate(lm, begin, draw, max_new_tokens, until, stop or Event())


def _generate(
    lm: LanguageModel,
    begin: Callable[[], Prefill],
    draw: _Draw,
    max_new_tokens: int,
    until: Sequence[str],
    stop: Event,
) -> Iterator[Step]:
    if stop.is_set():
        return
    state, samples = begin(), draw.samples
    if samples > 1:
        state.cache.batch_repeat_interleave(samples)
    rows = [arm for arm in state.arms for _ in range(samples)]
    log_probs = state.log_probs.repeat_interleave(samples, dim=0)
    texts = [Text(lm, until) for _ in rows]
    for index in range(max_new_tokens):
        chosen = draw(log_probs)
        last = index == max_new_tokens - 1
        yield from _steps(index, chosen, log_probs, texts, samples, last)
        if stop.is_set() or last or all(text.finished for text in texts):
            return
        log_probs = _advance(lm, chosen, rows, state)


@torch.inference_mode()
def _advance(lm: LanguageModel, chosen: Tensor, rows: Sequence[Arm], state: Prefill) -> Tensor:
    with lm.intervening(rows, prompt_length=state.prompt_length):
        logits = lm.forward(chosen[:, None], past_key_values=state.cache).logits
    return logits[:, -1].float().log_softmax(-1)


def _steps(
    index: int,
    chosen: Tensor,
    log_probs: Tensor,
    texts: Sequence[Text],
    samples: int,
    last: bool,
) -> Iterator[Step]:
    token_ids = chosen.tolist()
    probabilities = log_probs.gather(-1, chosen[:, None])[:, 0].exp().tolist()
    for row, text in enumerate(texts):
        if text.finished:
            continue
        piece = text.push(token_ids[row], last=last)
        arm, sample = divmod(row, samples)
        yield Step(arm, sample, index, token_ids[row], probabilities[row], piece, text.finished)


class _Draw:
    """Picks a token per row: the most probable one, or by an exponential race.

    argmax of p / E with E ~ Exp(1) is a draw from p. One race per sample serves all its arms,
    and runs on the CPU in float64, so that the same seed gives the same text on every device.
    """

    def __init__(self, temperature: float, samples: int, arms: int, seed: int) -> None:
        self.temperature, self.samples, self.arms = temperature, samples, arms
        self.generators = [
            torch.Generator().manual_seed((seed * 1_000_003 + s) % 2**63) for s in range(samples)
        ]

    def __call__(self, log_probs: Tensor) -> Tensor:
        """[arm * sample, vocab] -> int64 [arm * sample]."""
        if self.temperature == 0.0:
            return log_probs.argmax(-1)
        vocab = log_probs.shape[-1]
        races = [
            torch.empty(vocab, dtype=torch.float64).exponential_(generator=g)
            for g in self.generators
        ]
        handicap = torch.stack(races).log().repeat(self.arms, 1).to(log_probs.device)
        return (log_probs.double() / self.temperature - handicap).argmax(-1)


def _check(
    lm: LanguageModel, prompt_length: int, max_new_tokens: int, temperature: float, samples: int
) -> None:
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens is {max_new_tokens}; allowed: 1 and above.")
    if not 0.0 <= temperature < float("inf"):
        raise ValueError(f"temperature is {temperature}; allowed: 0 (greedy) and above.")
    if samples < 1 or (samples > 1 and temperature == 0.0):
        raise ValueError(
            f"samples is {samples}; allowed: 1 at temperature 0 (greedy), 1 or more above it."
        )
    if lm.max_positions and prompt_length + max_new_tokens > lm.max_positions:
        raise ValueError(
            f"{prompt_length} prompt tokens and {max_new_tokens} new ones exceed the "
            f"{lm.max_positions} positions of this model."
        )

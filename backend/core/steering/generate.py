"""Both arms of a steering experiment, token by token, from one state.

All arms run as rows of one batch, so an arm without interventions is the baseline bit for bit.
What comes before the first edited position is the same in every arm: when it is long it is run
once and its KV cache repeated over the arms. Samples share their arm's prompt in the same way.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Event
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from backend.core.lm import LanguageModel
from backend.core.lm.frozen_attention import frozen
from backend.core.lm.interventions import Intervention

Arm = Sequence[Intervention]

# Prompt tokens, over all arms, from which running the common prefix apart pays for the one
# forward more: measured on a CPU; on a GPU, which a short prompt does not fill, far later.
CPU_SAVED_TOKENS, GPU_SAVED_TOKENS = 48, 1024


@dataclass(frozen=True)
class Step:
    """One token of one text. `index` counts from 0 after the prompt."""

    arm: int
    sample: int
    index: int
    token_id: int
    probability: float  # under the arm's own distribution at temperature 1
    text: str  # what this token completes; "" inside a character of several tokens, and for eos
    finished: bool  # the text ends here: eos, or max_new_tokens reached


@dataclass
class Prefill:
    """The arms after the prompt. `log_probs`: float32 [arm, vocab], nats, of the next token.

    The cache is used up by one generation.
    """

    log_probs: Tensor
    arms: tuple[tuple[Intervention, ...], ...]
    prompt_length: int
    cache: Any
    freeze_attention: bool = False


def prefill(
    lm: LanguageModel,
    prompt_ids: Sequence[int],
    arms: Sequence[Arm],
    *,
    freeze_attention: bool = False,
) -> Prefill:
    """Runs the prompt in every arm.

    ValueError for no arm, no prompt, or an impossible intervention.

    `freeze_attention`: at the prompt's positions every arm attends as the first one does
    (frozen_attention).
    """
    return Prefilling(lm, prompt_ids, arms, freeze_attention=freeze_attention).finish()


class Prefilling:
    """A prefill in two parts, so that the baseline need not wait for the other arms.

    Where running the common prefix apart pays, the arms that edit nothing are one run of the whole
    prompt, whose cache up to the first edit the edited arms go on from. Else all arms are rows of
    one batch.
    """

    def __init__(
        self,
        lm: LanguageModel,
        prompt_ids: Sequence[int],
        arms: Sequence[Arm],
        *,
        freeze_attention: bool = False,
    ) -> None:
        if not arms or not prompt_ids:
            raise ValueError(
                f"Needed: a prompt and at least one arm; got {len(prompt_ids)} tokens, "
                f"{len(arms)} arms."
            )
        self.lm, self.arms, self.frozen = lm, tuple(tuple(arm) for arm in arms), freeze_attention
        self.ids = torch.tensor([list(prompt_ids)], device=lm.device)
        self.edited = [place for place, arm in enumerate(self.arms) if arm]
        with lm.intervening(arms, prompt_length=len(prompt_ids)):
            pass  # refuses before anything runs
        self.shared = _shared(lm, arms, len(prompt_ids))
        self._plain: tuple[Tensor, Any] | None = None

    @torch.inference_mode()
    def baseline(self) -> Tensor | None:
        """float32 [vocab]: log-probabilities of the arms that edit nothing,
        where they are run by themselves.
        """
        apart = self.shared and not self.frozen and len(self.edited) < len(self.arms)
        if apart and self._plain is None:
            # without the config: a sliding layer too keeps what the edited arms go on from
            cache = DynamicCache()
            logits = self.lm.forward(self.ids, logits_to_keep=1, past_key_values=cache).logits[
                :, -1
            ]
            self._plain = (logits.float().log_softmax(-1), cache)
        return self._plain[0][0] if self._plain is not None else None

    @torch.inference_mode()
    def finish(self) -> Prefill:
        """All arms."""
        if self.baseline() is None or self._plain is None:
            return self._prefill(*self._together())
        plain, whole = self._plain
        log_probs, cache = (
            plain.expand(len(self.arms), -1),
            self._copied(whole, self.ids.shape[1], len(self.arms)),
        )
        if self.edited:
            own, edited = self._rows(
                self._copied(whole, self.shared, len(self.edited)), self.edited
            )
            log_probs = log_probs.index_copy(0, torch.tensor(self.edited, device=own.device), own)
            for layer, other in zip(cache.layers, edited.layers, strict=True):
                layer.keys[self.edited], layer.values[self.edited] = other.keys, other.values
        return self._prefill(log_probs, cache)

    def _prefill(self, log_probs: Tensor, cache: Any) -> Prefill:
        return Prefill(log_probs, self.arms, self.ids.shape[1], cache, self.frozen)

    def _together(self) -> tuple[Tensor, Any]:
        cache = DynamicCache(config=self.lm.model.config)
        if self.shared:
            self.lm.fill(self.ids[:, : self.shared], cache)
            cache.batch_repeat_interleave(len(self.arms))
        return self._rows(cache, range(len(self.arms)))

    def _rows(self, cache: Any, places: Sequence[int]) -> tuple[Tensor, Any]:
        """(log-probabilities [row, vocab], cache) of these arms,
        after what the cache lacks of the prompt.
        """
        arms = [self.arms[place] for place in places]
        attention = frozen(self.lm.model) if self.frozen else nullcontext()
        with self.lm.intervening(arms, prompt_length=self.ids.shape[1]), attention:
            rest = self.ids[:, cache.get_seq_length() :].expand(len(arms), -1)
            logits = self.lm.forward(rest, logits_to_keep=1, past_key_values=cache).logits[:, -1]
        return logits.float().log_softmax(-1), cache

    def _copied(self, whole: Any, length: int, rows: int) -> Any:
        """The first `length` positions of a one-row cache that keeps all,
        as the model's own kind, `rows` times.
        """
        cache = DynamicCache(config=self.lm.model.config)
        for index, layer in enumerate(whole.layers):
            keys, values = layer.keys[:, :, :length], layer.values[:, :, :length]
            cache.update(keys.repeat(rows, 1, 1, 1), values.repeat(rows, 1, 1, 1), index)
        return cache


def _shared(lm: LanguageModel, arms: Sequence[Arm], length: int) -> int:
    """Positions to run once for all arms: those before the first edit, if that pays."""
    first = min((one.first_position(length) for arm in arms for one in arm), default=length)
    shared = min(first, length - 1)
    worth = CPU_SAVED_TOKENS if lm.device.type == "cpu" else GPU_SAVED_TOKENS
    return shared if shared * (len(arms) - 1) >= worth else 0


def next_token(lm: LanguageModel, prompt_ids: Sequence[int], arms: Sequence[Arm]) -> Tensor:
    """float32 [arm, vocab]: log-probabilities (nats) of the token after the prompt."""
    return prefill(lm, prompt_ids, arms).log_probs


def kl(steered: Tensor, baseline: Tensor) -> float:
    """KL(steered ‖ baseline) in nats, of two log-probability vectors [vocab];
    0 where steered is 0.
    """
    p, q = steered.double(), baseline.double()
    terms = torch.where(p == -torch.inf, 0.0, p.exp() * (p - q))
    return max(0.0, float(terms.sum()))


def first_greedy_step(lm: LanguageModel, log_probs: Tensor, max_new_tokens: int) -> Step:
    """What `generate_arms` yields first for arm 0 at temperature 0,
    from its distribution [vocab] alone.
    """
    texts = [_Text(lm)]
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
    stop: Event | None = None,
    start: Prefill | None = None,
) -> Iterator[Step]:
    """Yields every token as it is made, arm by arm within a step; ends early when `stop` is set.

    Temperature 0 is greedy. Otherwise sample s draws from its own generator seeded by (seed, s),
    and the arms share its draws: they differ only where their distributions do. `start` takes
    over what `prefill` did for the same prompt and arms, frozen attention included: generated
    tokens attend freely. ValueError for settings out of range.
    """
    _check(lm, len(prompt_ids), max_new_tokens, temperature, samples)
    wanted = tuple(tuple(arm) for arm in arms)
    if start is not None and (start.arms, start.prompt_length) != (wanted, len(prompt_ids)):
        raise ValueError("start was made for another prompt or other arms: call prefill again.")
    with lm.intervening(arms, prompt_length=len(prompt_ids)):
        pass  # refuses now, not at the first token
    draw = _Draw(temperature, samples, len(arms), seed)
    return _generate(lm, prompt_ids, wanted, start, draw, max_new_tokens, stop or Event())


def _generate(
    lm: LanguageModel,
    prompt_ids: Sequence[int],
    arms: Sequence[Arm],
    start: Prefill | None,
    draw: "_Draw",
    max_new_tokens: int,
    stop: Event,
) -> Iterator[Step]:
    if stop.is_set():
        return
    state = start or prefill(lm, prompt_ids, arms)
    samples = draw.samples
    if samples > 1:
        state.cache.batch_repeat_interleave(samples)
    rows = [arm for arm in state.arms for _ in range(samples)]
    log_probs = state.log_probs.repeat_interleave(samples, dim=0)
    texts = [_Text(lm) for _ in rows]
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
    texts: "list[_Text]",
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


class _Text:
    """Turns tokens into text piece by piece, holding back an unfinished UTF-8 character."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm
        self.token_ids: list[int] = []
        self.shown = ""
        self.finished = False

    def push(self, token_id: int, *, last: bool) -> str:
        """The text that this token completes; on the last token whatever is held back."""
        self.finished = last or token_id in self.lm.eos_ids
        if token_id not in self.lm.eos_ids:
            self.token_ids.append(token_id)
        whole = self.lm.decode(self.token_ids)
        if whole.endswith("\ufffd") and not self.finished:
            return ""
        piece, self.shown = whole[len(self.shown) :], whole
        return piece


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

"""The prompt of a steering experiment, run in every arm, as far as arms are the same only once.

What comes before the first edited position is the same in every arm: when it is long it is run once
and its KV cache repeated over the arms. A prefix of the prompt that was run before is not run at
all.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from backend.core.lm import LanguageModel
from backend.core.lm.frozen_attention import frozen
from backend.core.lm.interventions import Intervention
from backend.core.lm.past import Past, begin, copied, held_of

Arm = Sequence[Intervention]

# Prompt tokens, over all arms, from which running the common prefix apart pays for the one
# forward more: measured on a CPU; on a GPU, which a short prompt does not fill, far later.
CPU_SAVED_TOKENS, GPU_SAVED_TOKENS = 48, 1024


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
    past: Past | None = None,
) -> Prefill:
    """Runs the prompt, or what comes after `past` of it, in every arm.

    ValueError for no arm, no prompt, or an impossible intervention, which one within `past` is.
    `freeze_attention`: at the prompt's positions every arm attends as the first one does
    (frozen_attention).
    """
    return Prefilling(lm, prompt_ids, arms, freeze_attention=freeze_attention, past=past).finish()


class Prefilling:
    """A prefill in two parts, so that the baseline need not wait for the other arms.

    Where running the common part apart pays, the arms that edit nothing are one run of the whole
    prompt, and the edited arms go on from the first edit. Else all arms are rows of one batch.
    """

    def __init__(
        self,
        lm: LanguageModel,
        prompt_ids: Sequence[int],
        arms: Sequence[Arm],
        *,
        freeze_attention: bool = False,
        past: Past | None = None,
    ) -> None:
        if not arms or not prompt_ids:
            raise ValueError(
                f"Needed: a prompt and at least one arm; got {len(prompt_ids)} tokens, "
                f"{len(arms)} arms."
            )
        self.lm, self.arms, self.frozen = lm, tuple(tuple(arm) for arm in arms), freeze_attention
        self.past, self.held = past, held_of(past, prompt_ids)
        self.ids = torch.tensor([list(prompt_ids)], device=lm.device)
        self.edited = [place for place, arm in enumerate(self.arms) if arm]
        check_after(past, self.arms)
        with lm.intervening(arms, prompt_length=len(prompt_ids)):
            pass  # refuses before anything runs
        self.shared = _shared(lm, arms, len(prompt_ids), self.held)
        self._common: Any = None  # cache of the positions before `shared`
        self._plain: tuple[Tensor, Any] | None = None

    @torch.inference_mode()
    def baseline(self) -> Tensor | None:
        """float32 [vocab]: log-probabilities of the arms that edit nothing, where they are run by
        themselves.
        """
        apart = self.shared > self.held and not self.frozen and len(self.edited) < len(self.arms)
        if apart and self._plain is None:
            if self.past is not None:
                self._common = self._filled()
                cache = copied(self._common)
            else:
                cache = (
                    DynamicCache()
                )  # without the config: a sliding layer too keeps what the edited arms go on from
            rest = self.ids[:, cache.get_seq_length() :]
            logits = self.lm.forward(rest, logits_to_keep=1, past_key_values=cache).logits[:, -1]
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
            self._until(whole, self.ids.shape[1], len(self.arms)),
        )
        if self.edited:
            common = whole if self._common is None else self._common
            own, edited = self._rows(
                self._until(common, self.shared, len(self.edited)), self.edited
            )
            log_probs = log_probs.index_copy(0, torch.tensor(self.edited, device=own.device), own)
            for layer, other in zip(cache.layers, edited.layers, strict=True):
                layer.keys[self.edited], layer.values[self.edited] = other.keys, other.values
        return self._prefill(log_probs, cache)

    def _prefill(self, log_probs: Tensor, cache: Any) -> Prefill:
        return Prefill(log_probs, self.arms, self.ids.shape[1], cache, self.frozen)

    def _filled(self) -> Any:
        """A one-row cache of the positions before `shared`."""
        cache = begin(self.lm.model, self.past)
        if self.shared > self.held:
            self.lm.fill(self.ids[:, self.held : self.shared], cache)
        return cache

    def _together(self) -> tuple[Tensor, Any]:
        cache = self._filled()
        if self.shared:
            cache.batch_repeat_interleave(len(self.arms))
        return self._rows(cache, range(len(self.arms)))

    def _rows(self, cache: Any, places: Sequence[int]) -> tuple[Tensor, Any]:
        """(log-probabilities [row, vocab], cache) of these arms, after what the cache lacks of the
        prompt.
        """
        arms = [self.arms[place] for place in places]
        attention = frozen(self.lm.model) if self.frozen else nullcontext()
        with self.lm.intervening(arms, prompt_length=self.ids.shape[1]), attention:
            rest = self.ids[:, cache.get_seq_length() :].expand(len(arms), -1)
            logits = self.lm.forward(rest, logits_to_keep=1, past_key_values=cache).logits[:, -1]
        return logits.float().log_softmax(-1), cache

    def _until(self, one: Any, length: int, rows: int) -> Any:
        """The first `length` positions of a one-row cache that has them, `rows` times, as the
        model's own kind.
        """
        if self.past is not None:  # it is of that kind, and has no more than those
            made = copied(one)
            made.batch_select_indices(torch.zeros(rows, dtype=torch.long, device=self.ids.device))
            return made
        cache = DynamicCache(config=self.lm.model.config)
        for index, layer in enumerate(one.layers):
            keys, values = layer.keys[:, :, :length], layer.values[:, :, :length]
            cache.update(keys.repeat(rows, 1, 1, 1), values.repeat(rows, 1, 1, 1), index)
        return cache


def check_after(past: Past | None, arms: Sequence[Arm]) -> None:
    """ValueError for an edit at a position that was run already: it would not be seen."""
    held = len(past) if past is not None else 0
    first = min((one.first_position(held) for arm in arms for one in arm), default=held)
    if first < held:
        raise ValueError(
            f"positions begin at {first}; the first {held} positions are a prefix, which is run "
            f"without interventions."
        )


def _shared(lm: LanguageModel, arms: Sequence[Arm], length: int, held: int) -> int:
    """Positions that are run once for all arms: those before the first edit if that pays, or what
    is held anyway.
    """
    first = min((one.first_position(length) for arm in arms for one in arm), default=length)
    shared = min(first, length - 1)
    worth = CPU_SAVED_TOKENS if lm.device.type == "cpu" else GPU_SAVED_TOKENS
    return shared if (shared - held) * (len(arms) - 1) >= worth else held


def next_token(
    lm: LanguageModel, prompt_ids: Sequence[int], arms: Sequence[Arm], *, past: Past | None = None
) -> Tensor:
    """float32 [arm, vocab]: log-probabilities (nats) of the token after the prompt."""
    return prefill(lm, prompt_ids, arms, past=past).log_probs

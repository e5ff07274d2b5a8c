"""A steering experiment: all arms from one prefill, each with its next tokens and its text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past
from backend.core.steering.arms import BASELINE, Arm, FeatureEdit, steered_arm
from backend.core.steering.controls import control_arms
from backend.core.steering.generate import Step, first_greedy_step, generate_arms, kl
from backend.core.steering.prefill import Prefill, Prefilling
from backend.core.steering.prompt import ReadPrompt, residuals

TOP_NEXT_TOKENS = 20


@dataclass(frozen=True)
class Writing:
    """How texts are written on; see `generate_arms`. No token: only the next one is looked at."""

    max_new_tokens: int
    temperature: float = 0.0
    samples: int = 1
    seed: int = 0
    until: Sequence[str] = ()


@dataclass
class ArmRecord:
    """What is known of one arm so far. `next_ids`, `next_probabilities`: the most probable next
    tokens; `texts`, `token_ids` and `probabilities`: one entry per sample.
    """

    arm: Arm
    next_ids: Tensor
    next_probabilities: Tensor
    kl: float
    texts: list[str]
    token_ids: list[list[int]]
    probabilities: list[list[float]]

    def first_divergence(self, baseline: ArmRecord) -> list[int | None]:
        """Per sample, where it is no longer the baseline's."""
        pairs = zip(self.token_ids, baseline.token_ids, strict=True)
        return [first_difference(own, other) for own, other in pairs]


def first_difference(own: Sequence[int], other: Sequence[int]) -> int | None:
    """Index of the first token that is not the other's. An ended text has its eos,
    so no length is compared.
    """
    pairs = enumerate(zip(own, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), None)


@dataclass(frozen=True)
class TokenMade:
    """A generated token with the name of its arm."""

    arm: str
    step: Step


@dataclass
class SteerExperiment:
    """The prompt as it is, with the edits, and with the controls if asked for. `steps` fills
    `records`, in that order.

    `past`: of the prompt's prefix, asked for in the thread that runs the model.
    """

    lm: LanguageModel
    prompt: ReadPrompt
    edits: Sequence[FeatureEdit]
    writing: Writing
    controls: bool = False
    freeze_attention: bool = False
    past: Callable[[], Past | None] = lambda: None
    records: list[ArmRecord] = field(default_factory=list)

    def arms(self) -> list[Arm]:
        """Blocks where a control's size has to be read."""
        arms = [BASELINE, steered_arm(self.edits, self.prompt)]
        if self.controls:
            arms += control_arms(
                self.edits,
                self.prompt,
                self.writing.seed,
                n_layers=self.lm.n_layers,
                residuals=lambda layers: residuals(self.lm, self.prompt, layers, self.past()),
            )
        return [arm.with_frozen_attention() for arm in arms] if self.freeze_attention else arms

    def steps(self, stop: Event) -> Iterator[ArmRecord | TokenMade]:
        """Every arm's next tokens before its text; blocks, and ends early when `stop` is set.

        Where the baseline is run by itself (a long prompt), its next tokens, and the first token of
        its greedy text, come before the other arms are run.
        """
        writing, arms = self.writing, self.arms()
        start = Prefilling(
            self.lm,
            self.prompt.token_ids,
            [arm.interventions for arm in arms],
            freeze_attention=self.freeze_attention,
            past=self.past(),
        )
        told = False
        if (early := start.baseline()) is not None:
            yield self._record(arms[0], early, early)
            if writing.max_new_tokens and writing.temperature == 0:
                yield self._made(
                    first_greedy_step(self.lm, early, writing.max_new_tokens, writing.until)
                )
                told = True
        whole = start.finish()
        for arm, log_probs in list(zip(arms, whole.log_probs, strict=True))[len(self.records) :]:
            yield self._record(arm, log_probs, whole.log_probs[0])
        if writing.max_new_tokens:
            for step in self._texts(whole, stop):
                if not (told and (step.arm, step.sample, step.index) == (0, 0, 0)):
                    yield self._made(step)

    def _texts(self, start: Prefill, stop: Event) -> Iterator[Step]:
        return generate_arms(
            self.lm,
            self.prompt.token_ids,
            start.arms,
            max_new_tokens=self.writing.max_new_tokens,
            temperature=self.writing.temperature,
            samples=self.writing.samples,
            seed=self.writing.seed,
            until=self.writing.until,
            stop=stop,
            start=start,
        )

    def _made(self, step: Step) -> TokenMade:
        """The step, kept in its arm's record."""
        record = self.records[step.arm]
        record.texts[step.sample] += step.text
        record.token_ids[step.sample].append(step.token_id)
        record.probabilities[step.sample].append(step.probability)
        return TokenMade(record.arm.name, step)

    def _record(self, arm: Arm, log_probs: Tensor, baseline: Tensor) -> ArmRecord:
        """The arm's next tokens, kept among the records."""
        best, token_ids = torch.topk(log_probs, min(TOP_NEXT_TOKENS, len(log_probs)))
        empty = range(self.writing.samples)
        made = ArmRecord(
            arm,
            token_ids.cpu(),
            best.exp().cpu(),
            kl(log_probs, baseline),
            texts=["" for _ in empty],
            token_ids=[[] for _ in empty],
            probabilities=[[] for _ in empty],
        )
        self.records.append(made)
        return made

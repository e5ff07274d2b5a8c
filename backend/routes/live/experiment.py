"""A steering experiment from a good request to its answer:
all arms from one prefill, token by token.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from backend.core.lm.cost import generating_bytes
from backend.core.steering.generate import Step, first_greedy_step, generate_arms, kl
from backend.core.steering.prefill import Prefill, Prefilling
from backend.routes.live.controls import control_recipes, left_out
from backend.routes.live.inspect_wire import next_token_list
from backend.routes.live.prompting import Prompt, effective_prompt, read_prompt
from backend.routes.live.recipes import (
    BASELINE,
    Edit,
    Recipe,
    applied_positions,
    read_edits,
    sentence,
    steered_recipe,
)
from backend.routes.request.limits import check_freeze, check_room, check_steer
from backend.routes.request.served import Backend
from backend.schemas import Arm, NextToken, SteerRequest, SteerResponse

TOP_NEXT_TOKENS = 20


@dataclass
class ArmRecord:
    """What is known of one arm so far. `texts`, `token_ids` and `probabilities`:
    one entry per sample.
    """

    recipe: Recipe
    next_tokens: list[NextToken]
    kl: float
    texts: list[str]
    token_ids: list[list[int]]
    probabilities: list[list[float]]

    def as_arm(self, baseline: ArmRecord) -> Arm:
        return Arm(
            texts=self.texts,
            token_ids=self.token_ids,
            probabilities=self.probabilities,
            first_divergence=[
                first_difference(own, other)
                for own, other in zip(self.token_ids, baseline.token_ids, strict=True)
            ],
            positions=list(self.recipe.positions),
            next_tokens=self.next_tokens,
            kl=self.kl,
            sentence=self.recipe.sentence,
        )


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


@dataclass(frozen=True)
class SteerPlan:
    """A request found to be good, and all that determines its answer."""

    request: SteerRequest
    prompt: Prompt
    edits: list[Edit]
    effective: dict[str, Any]


def plan_steer(request: SteerRequest, served: Backend) -> SteerPlan:
    """Check everything; blocks for a moment."""
    prompt = read_prompt(request, served)
    check_steer(request, served.settings, len(prompt.token_ids), prompt.loaded)
    check_freeze(request.freeze_attention, prompt.loaded)
    arms = 2 + 3 * request.controls
    sizes = request.samples, len(prompt.token_ids), request.max_new_tokens
    needed = (
        generating_bytes(prompt.loaded.lm, arms, *sizes, past=prompt.held) + prompt.past_bytes()
    )
    remedy = "send a shorter prompt, fewer samples or max_new_tokens, or no controls"
    check_room(
        f"Generating {arms * request.samples} texts", needed, remedy, served.settings, prompt.loaded
    )
    edits = read_edits(request, prompt)
    settings = request.model_dump(
        include={
            "include_generated",
            "max_new_tokens",
            "temperature",
            "samples",
            "seed",
            "controls",
            "freeze_attention",
        }
    )
    effective = effective_prompt(request, prompt, served) | settings
    if (
        request.stop
    ):  # named only then: without it, runs keep the ids that they had before it existed
        effective["stop"] = request.stop
    effective["interventions"] = [edit.effective() for edit in edits]
    missing = left_out(edits, prompt, request.seed) if request.controls else {}
    if missing:
        effective["controls_left_out"] = missing
    return SteerPlan(request, prompt, edits, effective)


@dataclass
class Experiment:
    """Runs one plan. `steps` blocks: iterate it in the worker thread;
    `response` may be asked at any time.
    """

    plan: SteerPlan
    stop: threading.Event
    records: list[ArmRecord] = field(default_factory=list)

    def steps(self) -> Iterator[ArmRecord | TokenMade]:
        """Every arm's next tokens before its text; ends early when `stop` is set.

        Where the baseline is run by itself (a long prompt), its next tokens, and the first token of
        its greedy text, come before the other arms are run.
        """
        request, prompt = self.plan.request, self.plan.prompt
        recipes = self._recipes()
        start = Prefilling(
            prompt.loaded.lm,
            prompt.token_ids,
            [recipe.interventions for recipe in recipes],
            freeze_attention=request.freeze_attention,
            past=prompt.past(),
        )
        told = False
        if (early := start.baseline()) is not None:
            yield self._record(recipes[0], early, early)
            if request.max_new_tokens and request.temperature == 0:
                yield self._made(
                    first_greedy_step(prompt.loaded.lm, early, request.max_new_tokens, request.stop)
                )
                told = True
        whole = start.finish()
        for recipe, log_probs in list(zip(recipes, whole.log_probs, strict=True))[
            len(self.records) :
        ]:
            yield self._record(recipe, log_probs, whole.log_probs[0])
        if request.max_new_tokens:
            for step in self._texts(whole):
                if not (told and (step.arm, step.sample, step.index) == (0, 0, 0)):
                    yield self._made(step)

    def _recipes(self) -> list[Recipe]:
        request, prompt = self.plan.request, self.plan.prompt
        recipes = [BASELINE, steered_recipe(self.plan.edits, prompt)]
        if request.controls:
            recipes += control_recipes(self.plan.edits, prompt, request.seed)
        return (
            [recipe.with_frozen_attention() for recipe in recipes]
            if request.freeze_attention
            else recipes
        )

    def _texts(self, start: Prefill) -> Iterator[Step]:
        request, prompt = self.plan.request, self.plan.prompt
        return generate_arms(
            prompt.loaded.lm,
            prompt.token_ids,
            start.arms,
            max_new_tokens=request.max_new_tokens,
            temperature=request.temperature,
            samples=request.samples,
            seed=request.seed,
            until=request.stop,
            stop=self.stop,
            start=start,
        )

    def _made(self, step: Step) -> TokenMade:
        """The step, kept in its arm's record."""
        record = self.records[step.arm]
        record.texts[step.sample] += step.text
        record.token_ids[step.sample].append(step.token_id)
        record.probabilities[step.sample].append(step.probability)
        return TokenMade(record.recipe.name, step)

    def run(self) -> SteerResponse:
        """All steps, then the answer."""
        for _ in self.steps():
            pass
        return self.response()

    def response(self) -> SteerResponse:
        """The answer from what has been made so far; needs the arms' next tokens at least."""
        arms = {record.recipe.name: record.as_arm(self.records[0]) for record in self.records}
        baseline, steered = arms.pop("baseline"), arms.pop("steered")
        return SteerResponse(
            tokens=self.plan.prompt.tokens,
            prefix_length=self.plan.prompt.prefix_length,
            baseline=baseline,
            steered=steered,
            controls=arms,
            kl=steered.kl,
            applied_positions=applied_positions(self.plan.edits),
            sentence=sentence(self.plan.edits, self.plan.prompt),
            effective=self.plan.effective,
        )

    def _record(self, recipe: Recipe, log_probs: Tensor, baseline: Tensor) -> ArmRecord:
        """The arm's next tokens, kept among the records."""
        best, token_ids = torch.topk(log_probs, min(TOP_NEXT_TOKENS, len(log_probs)))
        last = len(self.plan.prompt.token_ids) - 1
        listed = next_token_list(self.plan.prompt, [last], token_ids[None], best.exp()[None])
        empty = range(self.plan.request.samples)
        self.records.append(
            ArmRecord(
                recipe,
                listed,
                kl(log_probs, baseline),
                texts=["" for _ in empty],
                token_ids=[[] for _ in empty],
                probabilities=[[] for _ in empty],
            )
        )
        return self.records[-1]

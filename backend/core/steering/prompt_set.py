"""An edit tried on many prompts: each one's greedy answer as it is, edited, and under the controls.

All arms of a few prompts share a batch. The random feature is one for the whole set, the content
token one of each prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event

from backend.core.lm import LanguageModel
from backend.core.lm.past import Past
from backend.core.steering.answers import BATCH, Answer, answers
from backend.core.steering.arms import BASELINE, Arm, FeatureEdit, steered_arm
from backend.core.steering.controls import ARMS, control_arms
from backend.core.steering.prompt import ReadPrompt, residuals
from backend.core.steering.targets import Target
from backend.core.steering.trait_rows import Share


@dataclass(frozen=True)
class SetPrompt:
    """A prompt with the edits at their places in it."""

    prompt: ReadPrompt
    edits: Sequence[FeatureEdit]


@dataclass(frozen=True)
class Judged:
    """`success`: None without a target; `changed`: the text is not the baseline's."""

    text: str
    success: bool | None
    changed: bool


Answers = dict[str, Judged]  # by arm


@dataclass
class SetExperiment:
    """`steps` fills `rows`, one per prompt in order. `past`: of a prefix of all prompts, asked for
    in the thread that runs the model.
    """

    lm: LanguageModel
    prompts: Sequence[SetPrompt]
    max_new_tokens: int
    until: Sequence[str] = ()
    success: Target | None = None
    controls: bool = True
    seed: int = 0
    past: Callable[[], Past | None] = lambda: None
    rows: list[Answers] = field(default_factory=list)

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The baseline first."""
        return ("baseline", "steered", *(ARMS if self.controls else ()))

    @property
    def finished(self) -> bool:
        return len(self.rows) == len(self.prompts)

    def steps(self, stop: Event) -> Iterator[list[Answers]]:
        """A few prompts' answers at a step; blocks, and ends early when `stop` is set. ValueError
        for a pattern that takes too long.
        """
        at_once = BATCH // len(self.arm_names)
        while not self.finished and not stop.is_set():
            made = self._asked(self.prompts[len(self.rows) : len(self.rows) + at_once], stop)
            if made is None:
                return
            self.rows += made
            yield made

    def share(self, name: str, of: Callable[[Judged], bool | None]) -> Share | None:
        """Prompts whose answer in that arm is so, of those that have one; None of nothing."""
        found = [of(row[name]) for row in self.rows if name in row]
        known = [one for one in found if one is not None]
        return Share(sum(known), len(known)) if known else None

    def _asked(self, prompts: Sequence[SetPrompt], stop: Event) -> list[Answers] | None:
        """None: stopped before all of them were answered."""
        arms = [self._arms(one) for one in prompts]
        asked = [(place, arm) for place, own in enumerate(arms) for arm in own]
        made = answers(
            self.lm,
            [prompts[place].prompt.token_ids for place, _ in asked],
            [arm.interventions for _, arm in asked],
            max_new_tokens=self.max_new_tokens,
            until=self.until,
            past=self.past(),
            stop=stop,
        )
        told = [one for batch in made for one in batch]
        if len(told) < len(asked):
            return None
        by_arm: list[dict[str, Answer]] = [{} for _ in prompts]
        for (place, arm), answer in zip(asked, told, strict=True):
            by_arm[place][arm.name] = answer
        return [self._judged(one) for one in by_arm]

    def _arms(self, one: SetPrompt) -> list[Arm]:
        arms = [BASELINE, steered_arm(one.edits, one.prompt)]
        if self.controls:
            arms += control_arms(
                one.edits,
                one.prompt,
                self.seed,
                n_layers=self.lm.n_layers,
                residuals=lambda layers: residuals(self.lm, one.prompt, layers, self.past()),
            )
        return arms

    def _judged(self, made: dict[str, Answer]) -> Answers:
        unedited = made["baseline"]
        return {
            name: Judged(
                answer.text,
                self.success.shown(answer.token_ids, answer.text) if self.success else None,
                answer.token_ids != unedited.token_ids,
            )
            for name, answer in made.items()
        }

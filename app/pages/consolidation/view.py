"""One state of the consolidation page, read from the API and turned into what its panels show."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from app.api import ApiClient
from app.figures.consolidation import (
    StepAxis,
    features_figure,
    function_degree_figure,
    loss_figure,
    step_coverage_figure,
)
from app.pages.consolidation.code import loss_query
from app.pages.consolidation.data import all_steps, cursor_data
from app.pages.consolidation.state import ConsolidationState
from app.pages.consolidation.words import (
    degree_note,
    features_note,
    headline,
    held_out_note,
    method_note,
    paper_note,
    paper_table,
    seeds_note,
)
from app.parts.still import still
from backend.schemas import CheckpointCoverage, CheckpointFeatures, Generations, LossResponse


@dataclass(frozen=True)
class LossView:
    """Losses and predictions; `group` is the part of the split that is drawn, None without one."""

    state: ConsolidationState
    answer: LossResponse
    generations: Generations
    group: str | None

    def data_of(self) -> dict[str, str | None]:
        """The settings that `kept` follows."""
        state = self.state
        return {"cut": state.cut, "by": state.by, "axis": state.axis, "group": self.group}

    def kept(self) -> list[Any]:
        """Headline, note, the cursor's data, the paper's table and note; the parts of the split,
        which is chosen, and whether the choice is there.
        """
        answer = self.answer
        data = cursor_data(answer, self.generations, self.group) | {
            "axis": self.state.axis,
            "group": self.group,
        }
        return [
            still(headline(answer)),
            still([seeds_note(answer), method_note(answer)]),
            data,
            still(paper_table(answer)),
            paper_note(answer),
            answer.groups,
            self.group,
            {} if answer.groups else {"display": "none"},
        ]

    def drawn(self, scheme: str | None) -> list[Any]:
        """The figure and its note."""
        state, answer = self.state, self.answer
        figure = loss_figure(
            answer,
            scheme,
            StepAxis(state.axis, all_steps(answer.runs)[-1]),
            measure=state.measure,
            lines=state.lines.split(","),
            group=self.group,
            paper=state.axis == "share",
        )
        return [figure, held_out_note(answer)]


@dataclass(frozen=True)
class FeaturesView:
    """Features and coverage of the SAEs along training."""

    state: ConsolidationState
    answer: CheckpointFeatures
    coverage: CheckpointCoverage

    def shown(self, scheme: str | None) -> tuple[Any, ...]:
        """Features' figure and note, degrees' figure and note, coverage figure."""
        answer = self.answer
        axis = StepAxis(self.state.axis, all_steps(answer.runs)[-1])
        return (
            features_figure(answer.rows, scheme, axis),
            features_note(answer),
            function_degree_figure(answer.rows, scheme, axis),
            degree_note(answer),
            step_coverage_figure(self.coverage, "fixed", scheme),
        )


async def read_losses(api: ApiClient, state: ConsolidationState, group: str | None) -> LossView:
    """Ask for losses and predictions together; an unknown group becomes the first."""
    answer, generations = await asyncio.gather(
        api.consolidation_loss(**loss_query(state)), api.consolidation_generations(cut=state.cut)
    )
    return LossView(
        state,
        answer,
        generations,
        group if group in answer.groups else next(iter(answer.groups), None),
    )


async def read_features(api: ApiClient, state: ConsolidationState) -> FeaturesView:
    """Ask for features and coverage together."""
    answer, coverage = await asyncio.gather(
        api.consolidation_features(cut=state.cut), api.consolidation_coverage(cut=state.cut)
    )
    return FeaturesView(state, answer, coverage)

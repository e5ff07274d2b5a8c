"""POST /api/sweep: one intervention over a grid of strengths and positions,
streamed as it fills.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from backend.core.lm import top_next_tokens
from backend.core.lm.cost import generating_bytes
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.arms import FeatureEdit
from backend.core.steering.generate import kl
from backend.core.steering.sweep import ROWS, Cell, Grid, baseline, sweep
from backend.core.steering.targets import Target
from backend.routes.live.edits import decoder_norm, effective_edits, find_sae, read_edits
from backend.routes.live.inspect_wire import next_token_list
from backend.routes.live.prompting import Prompt, effective_prompt, read_prompt
from backend.routes.live.targets import read_target, unsearchable
from backend.routes.live.work import SteppedWork, streamed
from backend.routes.request.lease import Turns
from backend.routes.request.limits import check_freeze, check_room, check_steer, check_sweep
from backend.routes.request.problems import refuse_field
from backend.routes.request.served import Backend, Served
from backend.schemas import (
    CellsFrame,
    NextToken,
    SteerRequest,
    SweepBaseline,
    SweepCell,
    SweepFinalFrame,
    SweepFrame,
    SweepRequest,
    SweepResponse,
)
from backend.schemas import Intervention as Asked

router = APIRouter(tags=["live"])
LESS = "ask for fewer strengths or positions, or a smaller max_new_tokens"


def plan_sweep(request: SweepRequest, served: Backend) -> SweepWork:
    """Check everything; blocks for a moment."""
    prompt = read_prompt(request, served)
    sae = find_sae(request.sae_id, request.feature_index, "", prompt)
    positions = tuple(prompt.resolve(request.positions, "positions"))
    check_sweep(request, served.settings, len(positions))
    check_freeze(request.freeze_attention, prompt.loaded)
    target = (
        read_target(request.target, "target", prompt.loaded) if request.target is not None else None
    )
    if target is not None and target.needs_text and request.max_new_tokens == 0:
        raise refuse_field("max_new_tokens", 0, "1 or more: this target is judged on a text")
    held = _held(request, positions, served, prompt)
    rows = min(ROWS, len(positions) * len(request.strengths))
    sizes = 1, len(prompt.token_ids), request.max_new_tokens
    needed = (
        generating_bytes(prompt.loaded.lm, rows, *sizes, past=prompt.held) + prompt.past_bytes()
    )
    remedy = "send a shorter prompt or fewer max_new_tokens"
    check_room(f"Sweeping {rows} cells at a time", needed, remedy, served.settings, prompt.loaded)
    grid = Grid(
        strengths=tuple(request.strengths),
        positions=positions,
        edit=partial(_edit, sae, request),
        held=tuple(edit.on_feature() for edit in held),
    )
    effective = _effective(request, prompt, served, sae, positions, held)
    return SweepWork(request, prompt, grid, target, effective)


def _effective(
    request: SweepRequest,
    prompt: Prompt,
    served: Backend,
    sae: Sae,
    positions: Sequence[int],
    held: Sequence[FeatureEdit],
) -> dict[str, Any]:
    asked = request.model_dump(
        exclude={"prompt", "chat", "prefix", "turns", "positions", "interventions"}
    )
    return (
        effective_prompt(request, prompt, served)
        | asked
        | {
            "layer": sae.layer,
            "decoder_norm": decoder_norm(sae, request.feature_index),
            "rule": request.positions,
            "positions": list(positions),
            "interventions": effective_edits(request.interventions, held),
        }
    )


def _held(
    request: SweepRequest, positions: Sequence[int], served: Backend, prompt: Prompt
) -> list[FeatureEdit]:
    """What acts in every cell, checked together with the swept intervention,
    by the rules of a steer request.
    """
    swept = Asked(
        sae_id=request.sae_id,
        feature_index=request.feature_index,
        mode=request.mode,
        value=max(request.strengths, key=abs),
        positions=list(positions),
    )
    whole = SteerRequest(
        prompt=request.prompt,
        chat=request.chat,
        interventions=[*request.interventions, swept],
        include_generated=request.include_generated,
        max_new_tokens=request.max_new_tokens,
    )
    check_steer(whole, served.settings, len(prompt.token_ids), prompt.loaded)
    return read_edits(whole, prompt)[:-1]


def _edit(sae: Sae, request: SweepRequest, strength: float, position: int) -> Intervention:
    return Intervention.on_feature(
        sae,
        request.feature_index,
        request.mode,
        strength,
        positions=(position,),
        include_generated=request.include_generated,
    )


@dataclass
class SweepWork(SteppedWork[SweepFrame | CellsFrame, SweepResponse]):
    """A grid, filled a batch of cells at a step."""

    request: SweepRequest
    prompt: Prompt
    grid: Grid
    target: Target | None
    effective: dict[str, Any]
    base: Cell | None = None
    cells: list[SweepCell] = field(default_factory=list)

    def steps(self, stop: Event) -> Iterator[SweepFrame | CellsFrame]:
        """The baseline, then cells."""
        lm, request, ids = self.prompt.loaded.lm, self.request, self.prompt.token_ids
        past = self.prompt.past()
        self.base = baseline(lm, ids, request.max_new_tokens, until=request.stop, past=past)
        yield SweepFrame(seq=0, **self._axes(self.base))
        batches = sweep(
            lm,
            ids,
            self.grid,
            max_new_tokens=request.max_new_tokens,
            until=request.stop,
            freeze_attention=request.freeze_attention,
            past=past,
            stop=stop,
        )
        for batch in batches:
            made = [self._cell(cell, self.base) for cell in batch]
            self.cells += made
            yield CellsFrame(seq=0, cells=made, done=len(self.cells))

    def frame(self, step: SweepFrame | CellsFrame) -> SweepFrame | CellsFrame:
        return step

    def result(self) -> SweepResponse | None:
        """Once the baseline is there."""
        if self.base is None:
            return None
        return SweepResponse(cells=self.cells, effective=self.effective, **self._axes(self.base))

    def final(self, *, stopped: bool) -> SweepFinalFrame:
        done = len(self.cells) == self.grid.n_cells
        return SweepFinalFrame(seq=0, status="done" if done else "cancelled", result=self.result())

    def _axes(self, base: Cell) -> dict[str, Any]:
        return {
            "tokens": self.prompt.tokens,
            "prefix_length": self.prompt.prefix_length,
            "strengths": list(self.grid.strengths),
            "positions": list(self.grid.positions),
            "n_cells": self.grid.n_cells,
            "baseline": self._baseline(base),
        }

    def _baseline(self, cell: Cell) -> SweepBaseline:
        return SweepBaseline(
            target=self._value(cell),
            next_token=self._best(cell),
            text=cell.text,
            token_ids=cell.token_ids,
        )

    def _cell(self, cell: Cell, base: Cell) -> SweepCell:
        return SweepCell(
            row=cell.row,
            column=cell.column,
            strength=self.grid.strengths[cell.row],
            position=self.grid.positions[cell.column],
            kl=kl(cell.log_probs, base.log_probs),
            target=self._value(cell),
            next_token=self._best(cell),
            text=cell.text,
            token_ids=cell.token_ids,
        )

    def _value(self, cell: Cell) -> float | None:
        """ValueError of a pattern that takes too long becomes a 422."""
        try:
            return self.target.value(cell.log_probs, cell.text) if self.target is not None else None
        except ValueError as error:
            raise unsearchable("target", self.target, error) from error

    def _best(self, cell: Cell) -> NextToken:
        token_ids, probabilities = top_next_tokens(cell.log_probs[None], 1)
        return next_token_list(
            self.prompt, [len(self.prompt.token_ids) - 1], token_ids, probabilities
        )[0]


@router.post(
    "/sweep",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}},
)
async def stream_sweep(request: SweepRequest, served: Served, turns: Turns) -> StreamingResponse:
    """A grid of strengths and positions:
    start, sweep (axes and baseline), cells …, then final or error.

    Each cell is what POST /api/steer answers for that setting, greedy. Between batches of cells
    others go first. POST /api/steer/cancel/{stream_id} stops it and keeps the cells made so far.
    The model's clock stops it
    with an error: limits.stream_seconds of /api/capabilities for the whole, live_seconds for a
    batch.
    """
    work = await asyncio.to_thread(plan_sweep, request, served)
    return streamed(work, turns.take(LESS, served.settings.stream_seconds), served.live.queue)

"""POST /api/patch: one prompt's states in another's run, layer by layer, streamed as the map
fills."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from backend.core.patching import (
    Alignment,
    Answers,
    LayerRow,
    Outcome,
    PatchMap,
    align,
    from_the_end,
)
from backend.core.patching.map import map_bytes
from backend.core.token_kinds import kind_of
from backend.routes.live.prompting import Prompt, effective_prompt, read_one_of, with_tokens
from backend.routes.live.targets import read_token
from backend.routes.live.work import SteppedWork, streamed
from backend.routes.request.known import Known
from backend.routes.request.lease import Turns
from backend.routes.request.limits import check_patch, check_room
from backend.routes.request.problems import Refusal, refuse_field
from backend.routes.request.served import Backend, Served
from backend.schemas import (
    PatchCells,
    PatchEnds,
    PatchFinalFrame,
    PatchFrame,
    PatchRequest,
    PatchResponse,
    PatchRow,
    PatchRowFrame,
    PatchSet,
    TokenizeRequest,
    TokenRef,
)

router = APIRouter(tags=["live"])
LESS = "send prompts that differ later or are shorter, or no unrelated prompt"


def plan_patch(request: PatchRequest, served: Backend) -> PatchWork:
    """Check everything; blocks for a moment."""
    a, b = _read("prompt_a", request, served), _read("prompt_b", request, served)
    unrelated = _read("unrelated", request, served) if request.unrelated is not None else None
    try:
        alignment = align(a.token_ids, b.token_ids)
    except ValueError as error:
        raise refuse_field(
            "prompt_b", request.prompt_b, f"a prompt that prompt_a fits: {error}"
        ) from error
    if unrelated is not None:
        try:
            from_the_end(unrelated.token_ids, b.token_ids, alignment.positions)
        except ValueError as error:
            raise refuse_field(
                "unrelated", request.unrelated, f"a longer prompt: {error}"
            ) from error
    check_patch(len(alignment.positions), 1 if unrelated is None else 2, served.settings, b.loaded)
    answers = [
        read_token(asked, name, b.loaded) if asked is not None else None
        for name, asked in (("answer_a", request.answer_a), ("answer_b", request.answer_b))
    ]
    if answers[0] is not None and answers[0] == answers[1]:
        raise refuse_field(
            "answer_b", answers[1], "a token that is not answer_a: nothing would show"
        )
    sets = sets_of(b, alignment)
    length = max(len(one.token_ids) for one in (a, b, unrelated or b))
    behind = len(b.token_ids) - alignment.start
    needed = map_bytes(b.loaded.lm, length, behind, len(sets))
    check_room(f"Patching {behind} positions", needed, LESS, served.settings, b.loaded)
    effective = _effective(request, b, served)
    return PatchWork(
        a, b, unrelated, alignment, answers[0], answers[1], sets, effective, served.known
    )


def _read(name: str, request: PatchRequest, served: Backend) -> Prompt:
    text: str = getattr(request, name)
    return read_one_of(
        name, TokenizeRequest(prompt=text, chat=request.chat, turns=request.turns), served
    )


def _effective(request: PatchRequest, b: Prompt, served: Backend) -> dict[str, Any]:
    asked = TokenizeRequest(prompt=request.prompt_b, chat=request.chat, turns=request.turns)
    shared = {
        k: v
        for k, v in effective_prompt(asked, b, served).items()
        if k not in ("prompt", "n_tokens")
    }
    return shared | request.model_dump(exclude={"chat", "turns"})


def sets_of(b: Prompt, alignment: Alignment) -> list[PatchSet]:
    """The sets that are patched together: of the columns, by class and by spelling."""
    behind = [b.tokens[p] for p in alignment.positions if p not in alignment.subject]
    unknown = (
        ""
        if b.store is not None
        else "; without a build token classes are unknown, so there are none"
    )
    chosen = {
        "all": (alignment.positions, "every column"),
        "subject": (alignment.subject, "where the prompts differ"),
        "function": (
            [t.position for t in behind if t.token_class == "function"],
            "function tokens" + unknown,
        ),
        "content": (
            [t.position for t in behind if t.token_class == "content"],
            "content tokens but the subject's" + unknown,
        ),
        "punctuation": (
            [t.position for t in behind if kind_of(t.text) == "punctuation"],
            "tokens of nothing but punctuation and white space, whatever their class",
        ),
    }
    return [
        PatchSet.model_validate({"name": name, "positions": list(positions), "sentence": sentence})
        for name, (positions, sentence) in chosen.items()
    ]


@dataclass
class PatchWork(SteppedWork[PatchFrame | PatchRowFrame, PatchResponse]):
    """A map, one layer at a step."""

    a: Prompt
    b: Prompt
    unrelated: Prompt | None
    alignment: Alignment
    answer_a: int | None
    answer_b: int | None
    sets: list[PatchSet]
    effective: dict[str, Any]
    known: Known
    map: PatchMap | None = None
    rows: list[PatchRow] = field(default_factory=list)

    @property
    def n_rows(self) -> int:
        return self.b.loaded.lm.n_layers * (1 if self.unrelated is None else 2)

    def steps(self, stop: Event) -> Iterator[PatchFrame | PatchRowFrame]:
        """The ends, then A's states layer by layer, then the control's."""
        self.map = made = self._map()
        yield PatchFrame(seq=0, **self._axes(made))
        for row in made.rows(stop):
            yield self._row("a", row, made.answers)
        for row in made.unrelated_rows(stop):
            yield self._row("unrelated", row, made.answers)

    def frame(self, step: PatchFrame | PatchRowFrame) -> PatchFrame | PatchRowFrame:
        return step

    def result(self) -> PatchResponse | None:
        """Once the ends are there."""
        if self.map is None:
            return None
        return PatchResponse(rows=self.rows, effective=self.effective, **self._axes(self.map))

    def final(self, *, stopped: bool) -> PatchFinalFrame:
        done = len(self.rows) == self.n_rows
        return PatchFinalFrame(seq=0, status="done" if done else "cancelled", result=self.result())

    def _map(self) -> PatchMap:
        try:
            return PatchMap(
                self.b.loaded.lm,
                self.a.token_ids,
                self.b.token_ids,
                answer_a=self.answer_a,
                answer_b=self.answer_b,
                sets={one.name: one.positions for one in self.sets},
                unrelated=self.unrelated.token_ids if self.unrelated is not None else None,
            )
        except (
            ValueError
        ) as error:  # both are greedily followed by one token, or a model that cannot be read
            raise Refusal(422, str(error)) from error

    def _axes(self, made: PatchMap) -> dict[str, Any]:
        alignment = made.alignment
        return {
            "tokens_a": self.a.tokens,
            "tokens_b": self.b.tokens,
            "positions": list(alignment.positions),
            "positions_a": [position for _, position in alignment.pairs],
            "subject": list(alignment.subject),
            "unmatched": list(alignment.unmatched),
            "sets": self.sets,
            "ends": PatchEnds(
                cells=self._cells(made.ends, made.answers),
                answer_a=self._token(made.answers.a),
                answer_b=self._token(made.answers.b),
            ),
            "n_rows": self.n_rows,
        }

    def _token(self, token_id: int) -> TokenRef:
        found = with_tokens(self.b, [token_id], self.known).tokens[-1]
        return TokenRef(token_id=token_id, text=found.text, token_class=found.token_class)

    def _cells(self, found: Outcome, answers: Answers) -> PatchCells:
        token_ids = found.token_ids.tolist()
        return PatchCells(
            log_odds=found.log_odds.tolist(),
            probability_a=found.p_a.tolist(),
            probability_b=found.p_b.tolist(),
            token_id=token_ids,
            text=[self.b.loaded.text(token_id) for token_id in token_ids],
            flipped=[token_id == answers.a for token_id in token_ids],
        )

    def _row(self, source: str, row: LayerRow, answers: Answers) -> PatchRowFrame:
        made = PatchRow.model_validate(
            {
                "source": source,
                "layer": row.layer,
                "cells": self._cells(row.cells, answers),
                "sets": self._cells(row.sets, answers),
                "sham": row.sham,
            }
        )
        self.rows.append(made)
        return PatchRowFrame(seq=0, row=made, done=len(self.rows))


@router.post(
    "/patch",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}},
)
async def stream_patch(request: PatchRequest, served: Served, turns: Turns) -> StreamingResponse:
    """Where the answer travels: start, map (axes and ends), row (one a layer) …, then final or
    error.

    Each cell puts prompt A's state after one layer at one position into prompt B's run. Between
    layers others go first. POST /api/steer/cancel/{stream_id} stops it and keeps the rows made so
    far; the model's clock stops it with an error, as it stops a sweep.
    """
    work = await asyncio.to_thread(plan_patch, request, served)
    return streamed(work, turns.take(LESS, served.settings.stream_seconds), served.live.queue)

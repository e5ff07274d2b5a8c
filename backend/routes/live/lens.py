"""POST /api/lens: the tokens that the residual stream promotes at a position, layer by layer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from threading import Event
from typing import Any

from fastapi import APIRouter

from backend.core.lm.cost import reading_bytes
from backend.core.patching import Words, read_words
from backend.routes.live.prompting import Prompt, effective_prompt, read_prompt
from backend.routes.live.targets import read_token
from backend.routes.live.work import LiveWork, answered
from backend.routes.request.lease import Turns
from backend.routes.request.limits import check_lens, check_room
from backend.routes.request.problems import Refusal
from backend.routes.request.served import Backend, Served
from backend.schemas import LensRequest, LensResponse, LensRow, PromotedToken, WatchedToken

router = APIRouter(tags=["live"])
LESS = "send a shorter prompt, or ask for fewer positions or layers"


@dataclass(frozen=True)
class LensWork(LiveWork[LensResponse]):
    """A request found to be good, and all that determines its answer."""

    request: LensRequest
    prompt: Prompt
    positions: list[int]
    layers: list[int]
    watched: list[int]
    effective: dict[str, Any]

    def run(self, stop: Event) -> LensResponse:
        """422 for a model whose residuals cannot be read in words."""
        try:
            found = read_words(
                self.prompt.loaded.lm,
                self.prompt.token_ids,
                self.positions,
                layers=self.layers,
                k=self.request.k,
                watched=self.watched,
                past=self.prompt.past(),
            )
        except ValueError as error:
            raise Refusal(422, str(error)) from error
        return LensResponse(
            tokens=self.prompt.tokens, rows=self._rows(found), effective=self.effective
        )

    def _rows(self, found: Words) -> list[LensRow]:
        text = self.prompt.loaded.text
        made = []
        for row, layer in enumerate(found.layers):
            for column, position in enumerate(found.positions):
                ids, shares = (
                    found.token_ids[row, column].tolist(),
                    found.probabilities[row, column].tolist(),
                )
                ranks = found.watched_ranks[row, column].tolist()
                own = found.watched_probabilities[row, column].tolist()
                promoted = [
                    PromotedToken(token_id=i, text=text(i), probability=p)
                    for i, p in zip(ids, shares, strict=True)
                ]
                watched = [
                    WatchedToken(token_id=i, text=text(i), probability=p, rank=rank)
                    for i, p, rank in zip(self.watched, own, ranks, strict=True)
                ]
                made.append(
                    LensRow(layer=layer, position=position, tokens=promoted, watched=watched)
                )
        return made


def plan_lens(request: LensRequest, served: Backend) -> LensWork:
    """Check everything; blocks for a moment."""
    prompt = read_prompt(request, served)
    positions = prompt.resolve(request.positions, "positions")
    check_lens(request, len(positions), served.settings, prompt.loaded)
    lm = prompt.loaded.lm
    layers = list(range(lm.n_layers)) if request.layers is None else list(request.layers)
    watched = [
        read_token(one, f"watched.{place}", prompt.loaded)
        for place, one in enumerate(request.watched)
    ]
    rows = len(layers) * len(positions)
    held = prompt.held
    needed = reading_bytes(lm, 1, max(positions) + 1 - held, len(layers), rows, past=held)
    needed += prompt.past_bytes()
    check_room(f"Reading {rows} residuals in words", needed, LESS, served.settings, prompt.loaded)
    effective = effective_prompt(request, prompt, served) | {
        "rule": request.positions,
        "positions": positions,
        "layers": layers,
        "k": request.k,
        "watched": watched,
    }
    return LensWork(request, prompt, positions, layers, watched, effective)


@router.post("/lens")
async def read_in_words(request: LensRequest, served: Served, turns: Turns) -> LensResponse:
    """The residual after each layer through the final norm and the unembedding: which tokens it
    promotes.

    After early layers this is a reading, not what the model says: nothing trains those layers for
    that basis.
    """
    return await answered(await asyncio.to_thread(plan_lens, request, served), turns, LESS)

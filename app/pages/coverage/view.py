"""What the coverage page reads for one state of its controls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from app.api import ApiClient, ApiProblem
from app.figures.coverage import LayerCurve
from app.pages.coverage.columns import LISTED
from app.pages.coverage.state import CoverageState
from app.parts.address.kinds import Offer
from app.parts.controls import built_saes
from app.parts.numbers import LogFit, function_ids, log_fit
from backend.schemas import Capabilities, CoverageResponse, Sae, TokenRow
from backend.schemas.statistics import RarefactionResponse, StatisticsResponse, TokenStatistics


@dataclass(frozen=True)
class Evidence:
    """What stands against chance, for one SAE; tokens by id."""

    statistics: StatisticsResponse
    rarefaction: RarefactionResponse
    tokens: dict[int, TokenStatistics]


@dataclass(frozen=True)
class CoverageView:
    """All that the page draws for one state."""

    state: CoverageState
    sae: Sae
    curves: list[LayerCurve]
    tokens: list[TokenRow]  # the LISTED most frequent, by rank
    function: frozenset[int]
    fit: LogFit | None
    capabilities: Capabilities
    # the chosen SAE's, in the order of frequency, for what is drawn against frequency
    by_frequency: CoverageResponse
    evidence: Evidence | None
    lacking: str  # why there is none, with the remedy

    @property
    def chosen(self) -> LayerCurve:
        return next(curve for curve in self.curves if curve.chosen)


async def read_evidence(api: ApiClient, state: CoverageState) -> tuple[Evidence | None, str]:
    """The statistics beside the build, or why there are none."""
    try:
        told, rarefaction, tokens = await asyncio.gather(
            api.statistics(state.sae, theta=state.theta, min_count=state.min_count),
            api.rarefaction(state.sae),
            api.token_statistics(state.sae, limit=LISTED),
        )
    except ApiProblem as problem:
        return None, problem.detail
    return Evidence(told, rarefaction, {row.token_id: row for row in tokens.rows}), ""


async def read_view(
    api: ApiClient, frequent: FrequentTokens, asked: Mapping[str, str]
) -> CoverageView:
    """Everything that the page draws; raises ApiProblem."""
    capabilities = await api.capabilities()
    saes = built_saes(capabilities)
    state, _ = CoverageState.read(asked, Offer(capabilities, saes))
    sae = next(one for one in saes if one.sae_id == state.sae)
    place = sae.theta_grid.index(state.theta)
    drawn = [one for one in saes if place < len(one.theta_grid)]
    reading = asyncio.create_task(read_evidence(api, state))
    answers = await asyncio.gather(
        *(
            api.coverage(
                one.sae_id,
                theta=one.theta_grid[place],
                min_count=state.min_count,
                denominator=state.denominator,
                order=state.order,
                max_rank=None if one is sae else LISTED,
            )
            for one in drawn
        )
    )
    tokens = await frequent.read(capabilities)
    curves = [
        LayerCurve(one.sae_id, one.layer, answer, one.sae_id == state.sae)
        for one, answer in zip(drawn, answers, strict=True)
    ]
    by_frequency = next(curve.answer for curve in curves if curve.chosen)
    if state.order != "frequency":
        by_frequency = await api.coverage(sae.sae_id, theta=state.theta, min_count=state.min_count)
    rows = by_frequency.rows
    fit = log_fit([row.occurrences for row in rows], [row.degree for row in rows])
    function = function_ids(tokens, state.cut / 100)
    return CoverageView(
        state, sae, curves, tokens, function, fit, capabilities, by_frequency, *await reading
    )


class FrequentTokens:
    """The LISTED most frequent non-special tokens that occur, by rank: read once for each build."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._kept: tuple[str, list[TokenRow]] | None = None

    async def read(self, capabilities: Capabilities) -> list[TokenRow]:
        build = capabilities.build
        key = json.dumps(
            [build.name, build.provenance] if build else None, sort_keys=True, default=str
        )
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, await self._read_pages(capabilities.limits.page))
        return self._kept[1]

    async def _read_pages(self, page: int) -> list[TokenRow]:
        size = min(page, LISTED)
        starts = range(0, LISTED, size)
        pages = await asyncio.gather(
            *(self._api.tokens(order="frequency", limit=size, offset=at) for at in starts)
        )
        rows = [
            row
            for answer in pages
            for row in answer.tokens
            if row.rank is not None and row.occurrences
        ]
        return sorted(rows, key=lambda row: row.rank or 0)[:LISTED]

"""/api/coverage: how many features the first k tokens of an order reach."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from backend.core.store import Store
from backend.core.store.coverage import Coverage
from backend.routes.browse.coverage_rows import rows_json
from backend.routes.request.kept_route import kept_by
from backend.routes.request.problems import refuse_field, refuse_value
from backend.routes.request.served import Served
from backend.routes.request.splice import answered, spliced
from backend.schemas import Contrast, CoverageQuery, CoverageResponse

router = APIRouter(tags=["coverage"], route_class=kept_by("features", "statistics"))
ALL_RANKS = 1 << 32
SHARES = (  # fields of a Contrast that are shares of the denominator
    *("coverage", "interval", "content_coverage", "content_interval"),
    *("difference_interval", "whole_tokens_mean", "whole_tokens_range"),
)


@router.get("/coverage", response_model=CoverageResponse)
def read_coverage(query: Annotated[CoverageQuery, Query()], served: Served) -> Response:
    """Coverage by rank. Without max_rank, as many ranks as the server lists;
    `effective` says how many.
    """
    store = served.build.require()
    most = served.settings.max_coverage_rows
    if query.max_rank is not None and query.max_rank > most:
        raise refuse_field("max_rank", query.max_rank, f"1 to {most}")
    if query.min_rate is not None:
        return _by_rate(query, query.min_rate, served)
    given = query.model_dump(exclude={"min_rate"}) | {"max_rank": query.max_rank or most}
    try:
        found = store.coverage(**given)
        contrasts = _contrasts(store, query, found)
    except ValueError as error:
        raise refuse_value(error, given) from error
    answer = CoverageResponse(
        rows=[],
        n_active=found.n_active,
        d_sae=found.d_sae,
        contrast=contrasts,
        effective=found.effective,
    )
    return answered(spliced(answer, {"rows": rows_json(found)}))


def _by_rate(query: CoverageQuery, min_rate: float, served: Served) -> Response:
    """The same rows where an edge is a rate, from the statistics beside the build."""
    store, statistics = served.build.require(), served.build.statistics()
    known = statistics.rates()
    if min_rate not in known:
        made = "make the statistics anew: these hold none" if not known else f"one of {known}"
        raise refuse_field("min_rate", min_rate, made)
    for name, value, alone in (
        ("theta", query.theta, 0),
        ("min_count", query.min_count, 1),
        ("order", query.order, "frequency"),
    ):
        if value != alone:
            raise refuse_field(name, value, f"{alone} where min_rate is given")
    last = min(query.max_rank or ALL_RANKS, served.settings.max_coverage_rows)
    ranks = statistics.rate_ranks(query.sae_id, min_rate)[:last]
    degree, new = (
        np.array([getattr(row, name) for row in ranks], dtype=np.int64)
        for name in ("degree", "new_features")
    )
    try:
        found = store.coverage_of(query.sae_id, degree, new, query.denominator)
    except ValueError as error:
        raise refuse_value(error, query.model_dump()) from error
    effective = query.model_dump() | {"max_rank": last}
    answer = CoverageResponse(
        rows=[], n_active=found.n_active, d_sae=found.d_sae, contrast=[], effective=effective
    )
    return answered(spliced(answer, {"rows": rows_json(found)}))


def _contrasts(store: Store, query: CoverageQuery, found: Coverage) -> list[Contrast]:
    """The build's comparisons in shares of the denominator asked for;
    none at a θ or min_count that it lacks.
    """
    if found.effective["theta"] != 0 or query.min_count != 1:
        return []
    share = found.n_active / max(found.n_all, 1)
    kept = [asdict(one) for one in store.contrasts(query.sae_id)]
    return [
        Contrast.model_validate(one | {name: _times(one[name], share) for name in SHARES})
        for one in kept
    ]


def _times(value: float | tuple[float, ...] | None, share: float) -> float | list[float] | None:
    """A share or its interval of another denominator, as the wire has it."""
    if isinstance(value, tuple):
        return [end * share for end in value]
    return None if value is None else value * share

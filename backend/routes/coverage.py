"""/api/coverage: how many features the first k tokens of an order reach."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from backend.routes.dependencies import Served, refuse_value
from backend.routes.problems import refuse_field
from backend.schemas import Contrast, CoverageQuery, CoverageResponse

router = APIRouter(tags=["coverage"])


@router.get("/coverage", response_model=CoverageResponse)
def read_coverage(query: Annotated[CoverageQuery, Query()], served: Served) -> Response:
    """Coverage by rank. Without max_rank, as many ranks as the server lists; `effective` says how many."""
    store = served.build.require()
    most = served.settings.max_coverage_rows
    if query.max_rank is not None and query.max_rank > most:
        raise refuse_field("max_rank", query.max_rank, f"1 to {most}")
    given = query.model_dump() | {"max_rank": query.max_rank or most}
    try:
        found = store.coverage(**given)
        contrasts = store.contrasts(query.sae_id)
    except ValueError as error:
        raise refuse_value(error, given) from error
    answer = CoverageResponse(
        rows=[],
        n_active=found.n_active,
        d_sae=found.d_sae,
        contrast=[Contrast.model_validate(asdict(one) | _lists(asdict(one))) for one in contrasts],
        effective=found.effective,
    )
    # tens of thousands of rows as objects would take ten times as long as everything else
    rest = answer.model_dump_json(exclude={"rows"}).removeprefix("{")
    return Response(f'{{"rows":{found.rows_as_json()},{rest}', media_type="application/json")


def _lists(fields: dict[str, object]) -> dict[str, object]:
    """The pairs among `fields`, as the lists that JSON has."""
    return {name: list(value) for name, value in fields.items() if isinstance(value, tuple)}

"""/api/export: the tables behind the pages, whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi import Response as HttpResponse
from starlette.responses import StreamingResponse

from backend.routes.request.problems import Refusal, refuse_value
from backend.routes.request.served import Served
from backend.schemas import ExportQuery

router = APIRouter(tags=["export"])


@router.get(
    "/export/{table}",
    response_class=HttpResponse,
    responses={200: {"content": {"text/csv": {}, "application/vnd.apache.parquet": {}}}},
)
def export_table(
    table: Annotated[str, Path(max_length=64, description="tokens, coverage, features or edges")],
    query: Annotated[ExportQuery, Query()],
    served: Served,
) -> HttpResponse:
    """A table of the build as CSV or Parquet, at most limits.export_rows of /api/capabilities.

    Coverage is by frequency at theta 0 and min_count 1 unless asked for otherwise. Activations of
    edges are within 4.4 %, counts exact. The file is made while it is sent.
    """
    from backend.core.store import export  # pyarrow costs the start-up half a second

    store = served.build.require()
    try:
        made = export.export_of(
            store, table, query.sae_id, served.settings.max_export_rows, query.coverage()
        )
    except export.TooManyRows as error:
        raise Refusal(413, str(error)) from error
    except ValueError as error:
        if str(error).startswith("table "):
            raise Refusal(404, str(error)) from error
        raise refuse_value(error, query.model_dump()) from error
    name = f"{table}-{query.sae_id}" if query.sae_id else table
    headers = {"Content-Disposition": f'attachment; filename="{name}.{query.format}"'}
    media_type = export.FORMATS[query.format]
    return StreamingResponse(
        export.chunks(made, query.format), media_type=media_type, headers=headers
    )

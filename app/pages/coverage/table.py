"""The coverage page's table, and what a row of it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
from dash.development.base_component import Component

from app.links import page_url
from app.pages.coverage.columns import AT_SETTING, COLUMNS, OF_TOKEN
from backend.schemas.statistics import TokenStatistics

# a hidden column stands in saved files (static/js/frame/exports.js)
_IN_FILES = {"field": "token_id", "headerName": "token_id", "hide": True}


def rank_table(sort: tuple[str, str] | None = None) -> Component:
    """Empty until a callback fills `rowData` with `app.parts.numbers.rank_rows`; `sort`:
    column, and asc or desc.
    """
    return dag.AgGrid(
        id="coverage-table",
        columnDefs=[
            column | ({"sort": sort[1]} if sort and column["field"] == sort[0] else {})
            for column in (*COLUMNS, _IN_FILES)
        ],
        rowData=None,
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "flex": 1,
            "minWidth": 60,
            "suppressHeaderMenuButton": True,
        },
        dashGridOptions={
            "rowSelection": {
                "mode": "multiRow",
                "checkboxes": True,
                "headerCheckbox": False,
                "enableClickSelection": False,
            },
            "selectionColumnDef": {"width": 34, "minWidth": 34, "maxWidth": 34, "resizable": False},
            "rowHeight": 30,
            "headerHeight": 34,
            "animateRows": False,
            "tooltipShowDelay": 300,
        },
        getRowId="params.data.id",
        className="ag-theme-quartz fs-grid",
        style={"height": "430px"},
    )


def with_statistics(
    rows: Sequence[dict[str, Any]], known: Mapping[int, TokenStatistics], sae_id: str
) -> list[dict[str, Any]]:
    """Rows of `app.parts.numbers.rank_rows` with the token's address and, where known,
    what chance would give.
    """
    made = []
    for row in rows:
        one = known.get(row["token_id"])
        row = row | {"href": page_url(f"/token/{row['token_id']}", sae=sae_id)}
        if one is not None:
            row |= {name: getattr(one, name) for name in OF_TOKEN}
        # at other settings the expectation is another
        if one is not None and one.degree == row["degree"]:
            row |= {name: getattr(one, name) for name in AT_SETTING} | {"excess_title": _range(one)}
        made.append(row)
    return made


def _range(one: TokenStatistics) -> str:
    low, high = one.expected_interval
    said = f"95 % of content tokens so frequent lie within {low:,.0f} to {high:,.0f} features"
    if one.extrapolated:
        said += " (extrapolated: no content token is so frequent)"
    return (
        f"{said}. Brought down to {one.matched_n:,} occurrences: {one.matched:,.0f} features, "
        f"content tokens {one.matched_mean:,.0f} [{one.matched_interval[0]:,.0f}, "
        f"{one.matched_interval[1]:,.0f}]"
    )

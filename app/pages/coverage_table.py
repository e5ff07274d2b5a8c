"""The coverage page's table: its columns and how each value is written."""

from __future__ import annotations

from typing import Any

import dash_ag_grid as dag
from dash.development.base_component import Component

from app.pages.coverage_view import LISTED


def rank_table() -> Component:
    """Empty until a callback fills `rowData` with `app.tables.rank_rows`."""
    return dag.AgGrid(
        id="coverage-table",
        columnDefs=_columns(),
        rowData=None,
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "flex": 1,
            "minWidth": 70,
            "suppressHeaderMenuButton": True,
        },
        dashGridOptions={
            "rowSelection": {"mode": "singleRow", "enableClickSelection": True, "checkboxes": False},
            "rowHeight": 30,
            "headerHeight": 34,
            "animateRows": False,
            "tooltipShowDelay": 300,
        },
        getRowId="params.data.id",
        className="ag-theme-quartz fs-grid",
        style={"height": "400px"},
    )


def _columns() -> list[dict[str, Any]]:
    known = f"share of documents that hold it; of the {LISTED:,} most frequent tokens"
    reached = "share that all tokens down to this one reach; interval on hover"
    return [
        {**_count("rank", "#", "place in the chosen order"), "flex": 0, "width": 58},
        {"field": "token", "headerName": "token", "cellRenderer": "FsToken", "flex": 2},
        {**_column("token_class", "class", "at the function cut above"), "flex": 0, "width": 84},
        {**_count("occurrences", "count", "positions in the corpus"), "minWidth": 92},
        _share("document_coverage", "in docs", known),
        _count("degree", "degree", "features that the token has an edge to"),
        _count("new_features", "new", "features that no earlier token of the order reaches"),
        {
            **_share("coverage", "cumulative", reached),
            "cellRenderer": "FsShare",
            "tooltipField": "interval",
            "minWidth": 104,
        },
    ]


def _column(field: str, name: str, tip: str) -> dict[str, Any]:
    return {"field": field, "headerName": name, "headerTooltip": tip}


def _count(field: str, name: str, tip: str) -> dict[str, Any]:
    return {**_column(field, name, tip), "type": "rightAligned", "valueFormatter": _written(",")}


def _share(field: str, name: str, tip: str) -> dict[str, Any]:
    return {**_count(field, name, tip), "valueFormatter": _written(".1%")}


def _written(form: str) -> dict[str, str]:
    """A d3 format, and a dash for what is not known."""
    return {"function": f"params.value == null ? '–' : d3.format('{form}')(params.value)"}

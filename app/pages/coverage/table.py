"""The coverage page's table: its columns and how each value is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
from dash.development.base_component import Component

from app.links import page_url
from app.pages.coverage.view import LISTED
from backend.schemas.statistics import TokenStatistics


def rank_table(sort: tuple[str, str] | None = None) -> Component:
    """Empty until a callback fills `rowData` with `app.parts.numbers.rank_rows`; `sort`:
    column, and asc or desc.
    """
    return dag.AgGrid(
        id="coverage-table",
        columnDefs=[
            column | ({"sort": sort[1]} if sort and column["field"] == sort[0] else {})
            for column in (*_columns(), _IN_FILES)
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
        # at other settings the expectation is another
        if one is not None and one.degree == row["degree"]:
            row |= {"expected": one.expected, "excess": one.excess, "excess_title": _range(one)}
            row["extrapolated"] = one.extrapolated
        made.append(row | ({} if one is None else {"evenness": one.evenness}))
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


# a hidden column stands in saved files (static/js/frame/exports.js)
_IN_FILES = {"field": "token_id", "headerName": "token_id", "hide": True}


def _columns() -> list[dict[str, Any]]:
    known = f"share of documents that hold it; of the {LISTED:,} most frequent tokens"
    expected = "features expected of a content token that occurs as often: rarefied, and fitted"
    excess = "degree / expected - 1; the range of content tokens on hover"
    even = "documents that hold it / documents expected, were its positions strewn at random"
    reached = "share that all tokens down to this one reach; interval on hover"
    return [
        {**_count("rank", "#", "place in the chosen order"), "flex": 0, "width": 60},
        {
            "field": "token",
            "headerName": "token",
            "cellRenderer": "FsTokenLink",
            "flex": 2,
            "minWidth": 60,
        },
        {**_column("token_class", "class", "at the function cut above"), "flex": 0, "width": 70},
        {**_count("occurrences", "count", "positions in the corpus"), "minWidth": 78},
        {**_share("document_coverage", "in docs", known), "minWidth": 60},
        _count("degree", "degree", "features that the token has an edge to"),
        {
            **_count("expected", "expected", expected),
            "valueFormatter": _written(",.0f"),
            "minWidth": 72,
        },
        {
            **_count("excess", "excess", excess),
            "valueFormatter": _written("+.0%"),
            "cellRenderer": "FsExcess",
        },
        _share("evenness", "evenness", even) | {"valueFormatter": _written(".2f"), "minWidth": 74},
        {
            **_count("new_features", "new", "features that no earlier token of the order reaches"),
            "minWidth": 56,
        },
        {
            **_share("coverage", "cumulative", reached),
            "cellRenderer": "FsShare",
            "tooltipField": "interval",
            "minWidth": 84,
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

"""Columns of the coverage page's table: what each is, how it is written, and from where."""

from __future__ import annotations

from typing import Any

LISTED = 2000  # most frequent tokens whose document coverage is read; also the rows of the table


def _column(field: str, name: str, tip: str) -> dict[str, Any]:
    return {"field": field, "headerName": name, "headerTooltip": tip}


def _count(field: str, name: str, tip: str) -> dict[str, Any]:
    return {**_column(field, name, tip), "type": "rightAligned", "valueFormatter": _written(",")}


def _share(field: str, name: str, tip: str) -> dict[str, Any]:
    return {**_count(field, name, tip), "valueFormatter": _written(".1%")}


def _written(form: str) -> dict[str, str]:
    """A d3 format, and a dash for what is not known."""
    return {"function": f"params.value == null ? '–' : d3.format('{form}')(params.value)"}


# of cells that show more of their row than their own value: a table draws again what is not equal
_NEVER = {"function": "false"}
_KNOWN = f"share of documents that hold it; of the {LISTED:,} most frequent tokens"
_EXPECTED = "features expected of a content token that occurs as often: rarefied, and fitted"
_EXCESS = "degree / expected - 1; the range of content tokens on hover"
_EVEN = "documents that hold it / documents expected, were its positions strewn at random"
_REACHED = "share that all tokens down to this one reach; interval on hover"
COLUMNS: list[dict[str, Any]] = [
    {**_count("rank", "#", "place in the chosen order"), "flex": 0, "width": 60},
    {
        "field": "token",
        "headerName": "token",
        "cellRenderer": "FsTokenLink",
        "equals": _NEVER,
        "flex": 2,
        "minWidth": 60,
    },
    {**_column("token_class", "class", "at the function cut above"), "flex": 0, "width": 70},
    {**_count("occurrences", "count", "positions in the corpus"), "minWidth": 78},
    {**_share("document_coverage", "in docs", _KNOWN), "minWidth": 60},
    _count("degree", "degree", "features that the token has an edge to"),
    {
        **_count("expected", "expected", _EXPECTED),
        "valueFormatter": _written(",.0f"),
        "minWidth": 72,
    },
    {
        **_count("excess", "excess", _EXCESS),
        "valueFormatter": _written("+.0%"),
        "cellRenderer": "FsExcess",
        "equals": _NEVER,
    },
    _share("evenness", "evenness", _EVEN) | {"valueFormatter": _written(".2f"), "minWidth": 74},
    {
        **_count("new_features", "new", "features that no earlier token of the order reaches"),
        "minWidth": 56,
    },
    {
        **_share("coverage", "cumulative", _REACHED),
        "cellRenderer": "FsShare",
        "tooltipField": "interval",
        "minWidth": 84,
    },
]
SORTABLE = tuple(column["field"] for column in COLUMNS)
# of the statistics of a token, whatever the page's setting; and those that are of one setting alone
OF_TOKEN = ("evenness",)
AT_SETTING = ("expected", "excess", "extrapolated")

"""Which requests each panel of the coverage page rests on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.links import page_url
from app.pages.coverage.columns import LISTED
from app.pages.coverage.sql import coverage_sql, degrees_sql, on_build, tokens_sql
from app.parts.reproduce import Request, reproduce_all

PANELS = (
    "curve",
    "table",
    "equal",
    "nulls",
    "degree",
    "cuts",
    "kinds",
    "laws",
    "rates",
    "zipf",
    "documents",
)
# panels whose numbers stand in tables of the build
BY_SQL = ("curve", "table", "degree", "zipf", "documents")
KINDS = ("curl", "python")
# the rank table's exports of all ranks -> their format
WHOLE = {"every": "csv", "parquet": "parquet"}
# (component, property) of everything that `filled` fills
FILLED = (
    *((f"coverage-{name}-panel-{kind}", "children") for name in PANELS for kind in KINDS),
    *((f"coverage-{name}-panel-sql", "children") for name in BY_SQL),
    *((f"coverage-table-panel-{form}", "href") for form in WHOLE),
)
# goes on where `url` is the one with the tokens' degrees
SLOPE = """

import math
import statistics

rows = [row for row in json.load(urllib.request.urlopen(url))["rows"] if row["degree"] > 0]
x, y = ([math.log10(row[name]) for row in rows] for name in ("occurrences", "degree"))
print(statistics.linear_regression(x, y))"""
# SAE -> [θ in the address, θ as shown] of each θ that the build holds
Grids = Mapping[str, Sequence[Sequence[str]]]


def curve_requests(asked: Mapping[str, str], grids: Grids) -> list[Request]:
    """A request per layer that is drawn, the chosen one first:
    the others at the same place of their own θ.
    """
    place = [theta for theta, _ in grids[asked["sae"]]].index(asked["theta"])
    others = [sae for sae, thetas in grids.items() if sae != asked["sae"] and place < len(thetas)]
    return [_coverage(asked, sae, grids[sae][place][0]) for sae in (asked["sae"], *others)]


def requests_of(asked: Mapping[str, str], grids: Grids, page: int) -> dict[str, list[Request]]:
    """Panel -> the requests whose answers hold its numbers; `page`:
    most tokens that one request lists.
    """
    sae = {"sae_id": asked["sae"]}
    curves = curve_requests(asked, grids)
    statistics: Request = (
        "/api/statistics",
        {**sae, "theta": asked["theta"], "min_count": asked["min_count"]},
    )
    known: Request = ("/api/statistics/tokens", {**sae, "limit": LISTED})
    by_frequency = _coverage({**asked, "order": "frequency"}, asked["sae"], asked["theta"])
    size = min(page, LISTED)
    tokens: list[Request] = [
        ("/api/tokens", {"order": "frequency", "limit": size, "offset": at})
        for at in range(0, LISTED, size)
    ]
    return {
        "curve": curves,
        "table": [curves[0], *tokens, known],
        "degree": [("/api/rarefaction", sae), by_frequency],
        "zipf": [by_frequency, statistics],
        "documents": [*tokens, known],
        **{name: [statistics] for name in ("equal", "nulls", "cuts", "kinds", "laws", "rates")},
    }


def filled(
    asked: Mapping[str, str], grids: Grids, href: str | None, page: int, file: str
) -> dict[tuple[str, str], str]:
    """What the drawers hold and the export menus lead to, by component and property; `file`: the
    build's.
    """
    codes, queries = codes_of(href, requests_of(asked, grids, page)), sql_of(asked, grids, file)
    values = (
        *(codes[name][kind] for name in PANELS for kind in KINDS),
        *(queries[name] for name in BY_SQL),
        *(every_row(asked, form) for form in WHOLE.values()),
    )
    return dict(zip(FILLED, values, strict=True))


def codes_of(
    href: str | None, requests: Mapping[str, Sequence[Request]]
) -> dict[str, dict[str, str]]:
    """Panel -> {"curl": …, "python": …}; the degree's Python fits the slope as well."""
    codes = {panel: reproduce_all(href, asked) for panel, asked in requests.items()}
    codes["degree"]["python"] += SLOPE
    return codes


def sql_of(asked: Mapping[str, str], grids: Grids, file: str) -> dict[str, str]:
    """Panel of BY_SQL -> its numbers as a query on the build, whose file it names."""
    sae, least = asked["sae"], int(asked["min_count"])
    place = [theta for theta, _ in grids[sae]].index(asked["theta"])
    tokens = tokens_sql(LISTED)
    curve = coverage_sql(sae, place, least, asked["order"], asked["denominator"], LISTED)
    degrees = degrees_sql(sae, place, least, LISTED)
    made = {
        "curve": curve,
        "table": degrees,
        "degree": degrees,
        "zipf": tokens,
        "documents": tokens,
    }
    return {panel: on_build(file, query) for panel, query in made.items()}


def every_row(asked: Mapping[str, str], form: str) -> str:
    """The address of all ranks as a file, at the settings asked for."""
    path, query = _coverage(asked, asked["sae"], asked["theta"])
    return page_url(path.replace("/api/coverage", "/api/export/coverage"), **query, format=form)


def _coverage(asked: Mapping[str, str], sae: str, theta: str) -> Request:
    settings = {name: asked[name] for name in ("min_count", "denominator", "order")}
    return "/api/coverage", {"sae_id": sae, "theta": theta, **settings}

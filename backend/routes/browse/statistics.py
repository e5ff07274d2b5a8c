"""/api/rarefaction, /api/statistics, /api/intersections: what chance explains of the build."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query

from backend.core.companions.statistics.rows import ExcessRow, NullContrastRow, SpreadRow
from backend.core.companions.statistics.sets import MOST_SETS, intersections
from backend.core.companions.statistics.store import StatisticsStore
from backend.core.store import MIN_COUNTS, Store
from backend.core.store.base import SaeRow
from backend.core.store.coverage import theta_ordinal
from backend.core.store.tokens import TokenRow
from backend.routes.browse.refs import token_ref
from backend.routes.request.kept_route import kept_by
from backend.routes.request.limits import check_statistics_rows
from backend.routes.request.problems import refuse_field
from backend.routes.request.served import Served
from backend.schemas import queries
from backend.schemas import statistics as wire
from backend.schemas.naming import TokenRef

router = APIRouter(tags=["statistics"], route_class=kept_by("statistics"))

DEFAULT_TOKENS = 5
Row = dict[str, Any]


@router.get("/rarefaction")
def read_rarefaction(
    query: Annotated[queries.RarefactionQuery, Query()], served: Served
) -> wire.RarefactionResponse:
    """Expected distinct features after n occurrences:
    of single tokens, and the mean of groups of tokens.
    """
    store, statistics = served.build.require(), served.build.statistics()
    sae = _sae(store, query.sae_id)
    if query.token_ids is None:
        token_ids = [row.token_id for row in statistics.spread(DEFAULT_TOKENS)]
    else:
        token_ids = _token_ids(query.token_ids, 1)
    rows = _known(store, token_ids)
    excess = {row.token_id: row for row in statistics.excess_of(sae.sae_id, token_ids)}
    points = statistics.rarefaction(sae.sae_id, token_ids)
    by_token = {
        token_id: list(found)
        for token_id, found in groupby(points, key=lambda point: point.token_id)
    }
    fit = statistics.null_fit(sae.sae_id)
    return wire.RarefactionResponse(
        sampling_unit=statistics.provenance()["sampling_unit"],
        tokens=[
            wire.TokenRarefaction(
                **token_ref(rows[token_id]).model_dump(),
                occurrences=rows[token_id].occurrences,
                degree=excess[token_id].degree if token_id in excess else 0,
                chao1=excess[token_id].chao1 if token_id in excess else 0.0,
                points=[
                    wire.RarefactionPoint.model_validate(asdict(one))
                    for one in by_token.get(token_id, [])
                ],
            )
            for token_id in token_ids
        ],
        groups=[
            wire.GroupPoint.model_validate(asdict(one))
            for one in statistics.rarefaction_groups(sae.sae_id)
        ],
        null_fit=wire.NullFit.model_validate(asdict(fit)) if fit else None,
        effective={"sae_id": sae.sae_id, "token_ids": token_ids},
    )


@router.get("/intersections")
def read_intersections(
    query: Annotated[queries.IntersectionsQuery, Query()], served: Served
) -> wire.IntersectionsResponse:
    """How many features each combination of these tokens shares;
    theta = 0, at least min_count firings.
    """
    store = served.build.require()
    sae, token_ids = _sae(store, query.sae_id), _token_ids(query.token_ids, 2)
    rows = _known(store, token_ids)
    least = store.edges_from if query.min_count is None else query.min_count
    if least < store.edges_from:
        raise refuse_field("min_count", least, f"{store.edges_from} or more")
    edges = store.edges(sae.sae_id, token_ids)
    kept = edges.n_firings >= least
    sets = [edges.feature_index[kept & (edges.token_id == token_id)] for token_id in token_ids]
    found = intersections(sets)
    return wire.IntersectionsResponse(
        tokens=[token_ref(rows[token_id]) for token_id in token_ids],
        degrees=[len(one) for one in sets],
        union=sum(one.n_features for one in found),
        n_active=sae.n_active,
        intersections=[
            wire.Intersection(
                token_ids=[token_ids[i] for i in one.members], n_features=one.n_features
            )
            for one in found
        ],
        effective={
            "sae_id": sae.sae_id,
            "token_ids": token_ids,
            "theta": 0.0,
            "min_count": least,
        },
    )


@router.get("/statistics")
def read_statistics(
    query: Annotated[queries.StatisticsQuery, Query()], served: Served
) -> wire.StatisticsResponse:
    """Controls of one SAE's graph; theta and min_count are those of `equal_occurrence` alone."""
    store, statistics = served.build.require(), served.build.statistics()
    sae = _sae(store, query.sae_id)
    ordinal = _theta_ordinal(sae, query.theta)
    if query.min_count not in MIN_COUNTS:
        raise refuse_field("min_count", query.min_count, f"one of {list(MIN_COUNTS)}")
    effective = {
        "sae_id": sae.sae_id,
        "theta": sae.theta_grid[ordinal],
        "min_count": query.min_count,
    }
    tables: dict[str, list[Any]] = {
        "equal_occurrence": statistics.equal_occurrence(sae.sae_id, ordinal, query.min_count),
        "kinds": statistics.kinds(sae.sae_id),
        "chao1": statistics.chao1(sae.sae_id),
        "labels": statistics.labels(sae.sae_id),
        "slopes": statistics.slopes(sae.sae_id),
        "spread": statistics.group_spread(),
    }
    told: dict[str, Any] = {
        name: [_paired(asdict(row)) for row in rows] for name, rows in tables.items()
    }
    return wire.StatisticsResponse.model_validate(
        told
        | {
            "rates": [_rate(asdict(row)) for row in statistics.rate_contrasts(sae.sae_id)],
            "degree_fits": _fits(statistics, sae.sae_id),
            "nulls": _nulls(statistics, sae.sae_id),
            "provenance": statistics.provenance(),
            "effective": effective,
        }
    )


@router.get("/statistics/tokens")
def read_token_statistics(
    query: Annotated[queries.TokenStatisticsQuery, Query()], served: Served
) -> wire.TokenStatisticsResponse:
    """The most frequent tokens: degree beside the degree that frequency explains,
    and spread over documents.
    """
    check_statistics_rows(query.limit)
    store, statistics = served.build.require(), served.build.statistics()
    sae = _sae(store, query.sae_id)
    excess = statistics.excess(sae.sae_id, query.limit)
    spread = {row.token_id: row for row in statistics.spread(query.limit)}
    tokens = store.token_rows([row.token_id for row in excess])
    rows = [
        _token_statistics(row, spread[row.token_id], token_ref(tokens[row.token_id]))
        for row in excess
        if row.token_id in spread and row.token_id in tokens
    ]
    return wire.TokenStatisticsResponse(
        rows=rows, effective={"sae_id": sae.sae_id, "limit": query.limit}
    )


def _token_statistics(row: ExcessRow, spread: SpreadRow, token: TokenRef) -> wire.TokenStatistics:
    fields = asdict(row) | asdict(spread) | token.model_dump()
    fields["expected_interval"] = [row.low, row.high]
    fields["matched_interval"] = [row.matched_low, row.matched_high]
    return wire.TokenStatistics.model_validate(fields)


def _sae(store: Store, sae_id: str) -> SaeRow:
    known = {row.sae_id: row for row in store.saes()}
    if sae_id not in known:
        raise refuse_field("sae_id", sae_id, f"one of {sorted(known)}")
    return known[sae_id]


def _theta_ordinal(sae: SaeRow, theta: float) -> int:
    ordinal = theta_ordinal(sae.theta_grid, theta)
    if ordinal is None:
        raise refuse_field("theta", theta, f"one of {list(sae.theta_grid)}")
    return ordinal


def _token_ids(text: str, least: int) -> list[int]:
    """Distinct ids in the order given; a 422 for too few, too many or repeated ones."""
    found = [int(part) for part in text.split(",")]
    if len(set(found)) != len(found) or not least <= len(found) <= MOST_SETS:
        raise refuse_field("token_ids", text, f"{least} to {MOST_SETS} different tokens")
    return found


def _known(store: Store, token_ids: list[int]) -> dict[int, TokenRow]:
    rows = store.token_rows(token_ids)
    unknown = [i for i in token_ids if i not in rows or rows[i].rank is None]
    if unknown:
        raise refuse_field(
            "token_ids", unknown[0], "tokens of this build's vocabulary that are not special"
        )
    return rows


def _paired(row: Row) -> Row:
    """The row with its low and high as intervals; null where either is missing."""
    pairs = (
        ("interval", "low", "high"),
        ("other_interval", "other_low", "other_high"),
        ("difference_interval", "difference_low", "difference_high"),
        ("common_interval", "common_low", "common_high"),
        ("null_interval", "null_low", "null_high"),
    )
    made = dict(row)
    for name, low, high in pairs:
        if low in row:
            made[name] = None if row[low] is None or row[high] is None else [row[low], row[high]]
    return made


def _rate(row: Row) -> Row:
    others = row["others_mean"]
    interval = None if others is None else [row["others_low"], row["others_high"]]
    return _paired(row) | {"others_coverage": others, "others_interval": interval}


def _fits(statistics: StatisticsStore, sae_id: str) -> list[Row]:
    others = statistics.alternatives(sae_id)
    return [
        _paired(asdict(fit))
        | {"alternatives": [asdict(one) for one in others if one.side == fit.side]}
        for fit in statistics.degree_fits(sae_id)
    ]


def _nulls(statistics: StatisticsStore, sae_id: str) -> list[Row]:
    curves, contrasts = statistics.null_curves(sae_id), statistics.null_contrasts(sae_id)
    made = []
    for run in statistics.null_runs():
        curve = [one for one in curves if one.run == run.run]
        compared = [one for one in contrasts if one.run == run.run]
        if curve and compared:
            facts: Row = {"n_active": curve[0].n_active, "d_sae": curve[0].d_sae}
            facts |= {
                "l0": compared[0].l0,
                "degree_slope": compared[0].degree_slope,
                "shards": len(run.shards),
            }
            points = [asdict(one) for one in curve]
            made.append(
                asdict(run)
                | facts
                | {"curve": points, "contrast": [_null_contrast(one) for one in compared]}
            )
    return made


def _null_contrast(row: NullContrastRow) -> Row:
    content = None if row.content_low is None else [row.content_low, row.content_high]
    return asdict(row) | {
        "interval": [row.coverage_low, row.coverage_high],
        "content_interval": content,
    }

"""/api/features: what a build, and the details beside it, know of its SAEs' features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from backend.core.companions.features.store import FeatureDetail as StoredDetail
from backend.core.companions.features.store import FeatureDetailStore
from backend.core.store import Store, StoreError
from backend.core.store.base import SaeRow
from backend.core.store.feature_search import NEED_LIFT, NEED_TOKEN, Lifts, Wanted
from backend.core.store.features import FeatureRow as StoredFeature
from backend.core.store.features import FeaturesFound
from backend.routes.browse.elsewhere import (
    explained,
    neuronpedia_url,
    said_elsewhere,
    said_of_explanations,
)
from backend.routes.browse.feature_examples import choose_examples
from backend.routes.browse.feature_view import (
    detail_fields,
    edge_of,
    examples_json,
    lift_at,
    listed_tokens,
    near_features,
    token_fields,
    without_tokens,
)
from backend.routes.browse.labelled import labelled, said_of_labels
from backend.routes.browse.refs import check_token, token_ref
from backend.routes.request.kept_route import kept_by
from backend.routes.request.limits import check_page
from backend.routes.request.problems import Refusal, refuse_field, refuse_value
from backend.routes.request.served import Served
from backend.routes.request.splice import answered, array, spliced
from backend.schemas import (
    FeatureDetail,
    FeaturePage,
    FeatureQuery,
    FeaturesQuery,
    FoundFeature,
    TokenWithExamples,
)

router = APIRouter(
    tags=["features"],
    route_class=kept_by("features", also=(said_of_labels, said_of_explanations)),
)
SHOWN = 5  # firing tokens of a row of a search


@router.get("/features", response_model=FeaturePage)
def search_features(query: Annotated[FeaturesQuery, Query()], served: Served) -> Response:
    """Active features of one SAE: filtered by token, promoted token, density and lift;
    then ordered; then paged.
    """
    check_page(query.limit, served.settings)
    _check_search(query)
    store = served.build.require()
    for name in ("token_id", "promotes"):
        check_token(store, getattr(query, name), name)
    lifts, missing = None, None
    own, labels_missing = labelled(served, query.sae_id, query.q)
    told, explanations_missing = explained(served.preset, query.sae_id, query.q)
    try:
        columns = store.feature_columns(query.sae_id)
        try:
            lifts = served.build.feature_details().lifts(store.place_of(query.sae_id)[0], columns)
        except StoreError as error:
            if query.order in NEED_LIFT or query.min_lift is not None or query.max_lift is not None:
                raise
            missing = str(error)
        wanted = replace(_wanted(store, query), labelled=sorted({*own, *told}))
        found = store.find_features(query.sae_id, wanted, query.token_id, lifts)
    except ValueError as error:
        raise refuse_value(error, query.model_dump()) from error
    answer = FeaturePage(
        features=[],
        total=found.total,
        n_active=found.n_active,
        details_missing=missing,
        labels_missing=labels_missing,
        explanations_missing=explanations_missing,
        effective=query.model_dump() | {"min_count": _least(store, query)},
    )
    return answered(spliced(answer, {"features": array(_rows(store, found, query, lifts))}))


def _check_search(query: FeaturesQuery) -> None:
    """Refuse what contradicts itself or would have no effect."""
    for low, high in (("min_density", "max_density"), ("min_lift", "max_lift")):
        least, most = getattr(query, low), getattr(query, high)
        if least is not None and most is not None and least > most:
            raise refuse_field(low, least, f"0 to {high} = {most}")
    if query.token_id is None:
        if query.min_count not in (None, 1):
            raise refuse_field(
                "min_count", query.min_count, "1 without token_id, whose firings it counts"
            )
        if query.order in NEED_TOKEN:
            raise refuse_field(
                "order", query.order, "an order that needs no token, or give token_id too"
            )


def _least(store: Store, query: FeaturesQuery) -> int:
    """Firings at the token from which its edges are listed; refuses fewer than the build keeps."""
    if query.token_id is None or query.min_count is None:
        return store.edges_from
    if query.min_count < store.edges_from:
        raise refuse_field(
            "min_count", query.min_count, f"{store.edges_from} or more: fewer are not listed here"
        )
    return query.min_count


def _wanted(store: Store, query: FeaturesQuery) -> Wanted:
    low, high = store.firings_between(query.min_density, query.max_density)
    return Wanted(
        q=query.q or None,
        promotes=query.promotes,
        min_firings=low,
        max_firings=high,
        min_count=_least(store, query),
        min_lift=query.min_lift,
        max_lift=query.max_lift,
        order=query.order,
        descending=None if query.direction is None else query.direction == "descending",
        limit=query.limit,
        offset=query.offset,
    )


def _rows(
    store: Store, found: FeaturesFound, query: FeaturesQuery, lifts: Lifts | None
) -> Iterator[str]:
    """Each a FoundFeature as JSON."""
    token, tokens = (
        None if query.token_id is None else store.token(query.token_id),
        store.token_table(),
    )
    for row, place, edge in zip(found.rows, found.places, found.edges, strict=True):
        shown: dict[str, Any] = {"lift": None if lifts is None else lift_at(lifts, place)}
        if edge is not None and token is not None:
            shown["at_token"] = edge_of(edge, token.occurrences, row.n_firings)
        yield spliced(
            FoundFeature.model_validate(without_tokens(row) | shown), listed_tokens(tokens, row)
        )


@router.get("/features/{sae_id:path}/{feature_index}", response_model=FeatureDetail)
def read_feature(
    sae_id: Annotated[str, Path(description="which SAE")],
    feature_index: Annotated[int, Path(ge=0, le=2**31 - 1, description="dictionary entry")],
    query: Annotated[FeatureQuery, Query()],
    served: Served,
) -> Response:
    """One feature: how often it fires, on which tokens, what it promotes,
    its nearest, and examples.
    """
    check_page(query.limit, served.settings)
    if query.min_quantile > query.max_quantile:
        raise refuse_field(
            "min_quantile", query.min_quantile, f"0 to max_quantile = {query.max_quantile}"
        )
    store = served.build.require()
    sae = next((row for row in store.saes() if row.sae_id == sae_id), None)
    if sae is None:
        raise Refusal(
            404, f"The build has no SAE {sae_id!r}; it has {[s.sae_id for s in store.saes()]}."
        )
    row = store.feature(sae_id, feature_index)
    if row is None:
        raise Refusal(404, f"{sae_id} has features 0 to {sae.d_sae - 1}, not {feature_index}.")
    check_token(store, query.token_id, "token_id")
    effective = {"sae_id": sae_id, "feature_index": feature_index, **query.model_dump()}
    fields, examples = _everything(store, served.build.feature_details, row, query)
    url = neuronpedia_url(served.preset, sae_id, feature_index)
    fields |= _sae_fields(store, sae, row) | {"neuronpedia_url": url, "effective": effective}
    fields |= said_elsewhere(served.preset, sae_id, feature_index)
    written = listed_tokens(store.token_table(), row) | {"examples": examples}
    return answered(spliced(FeatureDetail.model_validate(fields | {"examples": ()}), written))


def _sae_fields(store: Store, sae: SaeRow, row: StoredFeature) -> dict[str, Any]:
    place = (
        1 + store.feature_columns(sae.sae_id).denser_than(row.n_firings) if row.n_firings else None
    )
    return {
        **without_tokens(row),
        "layer": sae.layer,
        "d_sae": sae.d_sae,
        "l0": sae.l0,
        "n_active": sae.n_active,
        "density_place": place,
    }


def _everything(
    store: Store, opened: Any, row: StoredFeature, query: FeatureQuery
) -> tuple[dict[str, Any], str]:
    """What the details add, or why they are missing; and the examples as JSON."""
    details, detail, missing = _detail(store, opened, row)
    chosen = choose_examples(
        store, row.sae_id, row.feature_index, query, detail.examples if detail else ()
    )
    listed = {
        *row.top_token_ids,
        *row.top_by_strength,
        *row.promoted_token_ids,
        *row.suppressed_token_ids,
    }
    known = store.token_rows(sorted(listed | chosen.by_token.keys()))
    fields: dict[str, Any] = {
        "details_missing": missing,
        **token_fields(store, known, row, detail),
        "examples_matching": chosen.matching,
        "examples_stored": chosen.stored,
    }
    fields["example_tokens"] = [
        TokenWithExamples(**token_ref(known[i]).model_dump(), n_examples=n)
        for i, n in sorted(
            chosen.by_token.items(),
            key=lambda item: (known[item[0]].rank or 0) if item[0] in known else 0,
        )
        if i in known
    ]
    if details is not None and detail is not None:
        fields |= detail_fields(details, detail, row, near_features(store, row.sae_id, detail))
    return fields, examples_json(store, chosen.shown)


def _detail(
    store: Store, opened: Any, row: StoredFeature
) -> tuple[FeatureDetailStore | None, StoredDetail | None, str | None]:
    try:
        details: FeatureDetailStore = opened()
        ordinal, scale = store.place_of(row.sae_id)
        return details, details.detail(ordinal, scale, row.feature_index), None
    except StoreError as error:
        return None, None, str(error)

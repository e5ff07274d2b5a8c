"""/api/features: what a build knows of its SAEs' features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from backend.core.store import Store
from backend.core.store_rows import Example as StoredExample
from backend.core.store_rows import FeatureRow as StoredFeature
from backend.core.store_rows import TokenRow
from backend.routes.dependencies import Served, refuse_value, token_refs
from backend.routes.limits import check_page
from backend.routes.problems import Refusal, refuse_field
from backend.schemas import Example, FeatureDetail, FeaturePage, FeatureQuery, FeatureRow, FeaturesQuery

router = APIRouter(tags=["features"])
TOKEN_LISTS = {
    "top_tokens": "top_token_ids",
    "top_by_strength": "top_by_strength",
    "promoted_tokens": "promoted_token_ids",
    "suppressed_tokens": "suppressed_token_ids",
}


@router.get("/features")
def search_features(query: Annotated[FeaturesQuery, Query()], served: Served) -> FeaturePage:
    """Active features of one SAE that match a token and a range of density."""
    check_page(query.limit, served.settings)
    if query.min_density > query.max_density:
        raise refuse_field("min_density", query.min_density, f"0 to max_density = {query.max_density}")
    store = served.build.require()
    try:
        rows, total = store.search_features(**query.model_dump())
    except ValueError as error:
        raise refuse_value(error, query.model_dump()) from error
    features = [FeatureRow.model_validate(fields) for fields in _with_tokens(store, rows)]
    return FeaturePage(features=features, total=total, effective=query.model_dump())


@router.get("/features/{sae_id:path}/{feature_index}")
def read_feature(
    sae_id: Annotated[str, Path(description="which SAE")],
    feature_index: Annotated[int, Path(ge=0, le=2**31 - 1, description="dictionary entry")],
    query: Annotated[FeatureQuery, Query()],
    served: Served,
) -> FeatureDetail:
    """One feature: how often it fires, on which tokens, what it promotes, and examples."""
    check_page(query.limit, served.settings)
    store = served.build.require()
    sae = next((row for row in store.saes() if row.sae_id == sae_id), None)
    if sae is None:
        raise Refusal(404, f"The build has no SAE {sae_id!r}; it has {[s.sae_id for s in store.saes()]}.")
    row = store.feature(sae_id, feature_index)
    if row is None:
        raise Refusal(404, f"{sae_id} has features 0 to {sae.d_sae - 1}, not {feature_index}.")
    examples = _examples(store, store.examples(sae_id, feature_index, query.limit))
    effective = {"sae_id": sae_id, "feature_index": feature_index, **query.model_dump()}
    return FeatureDetail.model_validate(
        {
            **_with_tokens(store, [row])[0],
            "layer": sae.layer,
            "d_sae": sae.d_sae,
            "examples": examples,
            "effective": effective,
        }
    )


def _with_tokens(store: Store, rows: Sequence[StoredFeature]) -> list[dict[str, Any]]:
    """The rows' fields with token ids made readable, all with one query."""
    ids = {i for row in rows for column in TOKEN_LISTS.values() for i in getattr(row, column)}
    known = store.token_rows(sorted(ids))
    return [
        asdict(row) | {name: token_refs(known, getattr(row, column)) for name, column in TOKEN_LISTS.items()}
        for row in rows
    ]


def _examples(store: Store, rows: Sequence[StoredExample]) -> list[Example]:
    known: dict[int, TokenRow] = store.token_rows(sorted({i for row in rows for i in row.token_ids}))
    return [Example.model_validate(asdict(row) | {"tokens": token_refs(known, row.token_ids)}) for row in rows]

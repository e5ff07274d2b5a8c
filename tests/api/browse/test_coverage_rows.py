"""Coverage rows are written as text for speed: they must be what the wire's model would write."""

import pytest
from fastapi.testclient import TestClient

from backend.core.store import DENOMINATORS, MIN_COUNTS, ORDERS, Store
from backend.schemas import CoverageResponse, CoverageRow


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("denominator", DENOMINATORS)
def test_rows_on_the_wire_are_the_rows_of_the_store(
    client: TestClient, store: Store, order: str, denominator: str
) -> None:
    for min_count in MIN_COUNTS:
        asked = {
            "sae_id": "layer_0",
            "order": order,
            "denominator": denominator,
            "min_count": min_count,
        }
        reply = client.get("/api/coverage", params=asked)
        wire = CoverageResponse.model_validate_json(reply.content, strict=True)
        stored = store.coverage(
            "layer_0", order=order, denominator=denominator, min_count=min_count
        )
        assert reply.headers["content-type"] == "application/json"
        assert (wire.n_active, wire.d_sae) == (stored.n_active, stored.d_sae)
        assert wire.effective["order"] == order
        assert [row.model_dump() for row in wire.rows] == [
            CoverageRow(
                rank=row.rank,
                token_id=row.token_id,
                text=row.text,
                token_class=row.token_class,
                occurrences=row.occurrences,
                degree=row.degree,
                new_features=row.new_features,
                covered=row.covered,
                coverage=row.coverage,
                mean=row.mean,
                interval=None if row.low is None or row.high is None else [row.low, row.high],
            ).model_dump()
            for row in stored.rows
        ]

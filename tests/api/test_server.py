"""/api/capabilities and /api/builds tell one build, the first in brief."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.store import Store
from backend.routes.server import LISTED


def test_capabilities_count_what_builds_list(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = list(range(LISTED + 1))
    real = store.provenance()
    made: dict[str, Any] = {**real, "counts": {**real["counts"], "special_ids": many}}
    made["few"] = many[:LISTED]
    monkeypatch.setattr(Store, "provenance", lambda _: made)
    whole = client.get("/api/builds").json()["builds"][0]
    brief = client.get("/api/capabilities").json()["build"]
    assert whole["provenance"]["counts"]["special_ids"] == many
    assert brief["provenance"]["counts"].pop("special_ids") == "101 entries"
    whole["provenance"]["counts"].pop("special_ids")
    assert brief == whole

"""The dashboard's client gives what the API answers, as the type that its method names."""

import anyio
from fastapi.testclient import TestClient

from app.api import ApiClient
from backend.schemas import TokenDetail


def test_a_token_is_read_with_its_query(client: TestClient) -> None:
    token_id = client.get("/api/tokens", params={"limit": 1}).json()["tokens"][0]["token_id"]

    async def read() -> TokenDetail:
        return await ApiClient.in_process(client.app).token(token_id, limit=2, order="strength")

    answer = client.get(f"/api/tokens/{token_id}", params={"limit": 2, "order": "strength"})
    found = anyio.run(read)
    assert found.model_dump(mode="json") == answer.json()
    assert (found.effective["limit"], found.effective["order"]) == (2, "strength")

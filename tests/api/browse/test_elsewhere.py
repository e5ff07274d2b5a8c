"""What is said of a feature elsewhere: shown with its source, found by a search, read anew when it
was fetched again.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.core.presets import Preset
from backend.core.sae.explained import FILE, write_explanations
from tests.api.conftest import Serve

SAE = "layer_2"


@pytest.fixture
def folder(preset: Preset, tmp_path: Path) -> Path:
    return shutil.copytree(preset.saes[1].path, tmp_path / SAE)


@pytest.fixture
def client(serve: Serve, preset: Preset, folder: Path) -> Iterator[TestClient]:
    own = replace(preset, saes=(preset.saes[0], replace(preset.saes[1], path=folder)))
    with TestClient(serve(preset=own), raise_server_exceptions=False) as made:
        yield made


def put(folder: Path, text: str, index: int) -> None:
    rows = [{"feature_index": index, "text": text, "explainer": "a model", "method": "examples"}]
    write_explanations(folder / FILE, rows, source="https://elsewhere", date="2026-11-30")


def active(client: TestClient) -> list[int]:
    page = client.get("/api/features", params={"sae_id": SAE, "limit": 3}).json()
    return [one["feature_index"] for one in page["features"]]


def found(client: TestClient, q: str) -> list[int]:
    page = client.get("/api/features", params={"sae_id": SAE, "q": q}).json()
    return [one["feature_index"] for one in page["features"]]


def test_an_explanation_is_shown_with_its_source_and_found(
    client: TestClient, folder: Path
) -> None:
    first, second, _ = active(client)
    assert client.get(f"/api/features/{SAE}/{first}").json()["explanations"] == []
    assert found(client, "Zanzibar") == []
    put(folder, "towns of Zanzibar", first)
    [said] = client.get(f"/api/features/{SAE}/{first}").json()["explanations"]
    assert said == {
        "text": "towns of Zanzibar",
        "explainer": "a model",
        "method": "examples",
        "source": "https://elsewhere",
        "date": "2026-11-30",
    }
    assert found(client, "zanzibar") == [first]
    put(folder, "towns of Zanzibar", second)
    os.utime(folder / FILE, ns=(1, 1))
    assert client.get(f"/api/features/{SAE}/{first}").json()["explanations"] == []
    assert found(client, "zanzibar") == [second]


def test_a_file_that_is_none_is_said_and_the_rest_is_there(
    client: TestClient, folder: Path
) -> None:
    first = active(client)[0]
    (folder / FILE).write_bytes(b"nothing of the kind")
    one = client.get(f"/api/features/{SAE}/{first}").json()
    assert "functionscope explanations" in one["explanations_missing"]
    assert one["tokens_by_count"]
    page = client.get("/api/features", params={"sae_id": SAE, "q": "zanzibar"}).json()
    assert "functionscope explanations" in page["explanations_missing"]

"""Health says live, degraded or down, and why;
and whether the build belongs to the weights that are live.
"""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.link_note import health_note
from backend.core.fingerprints import MODEL_FILES, folder_hash, mismatches, snapshot_hash
from backend.core.presets import Preset, SaeSource
from backend.core.store import Store
from backend.schemas import Health
from backend.serving.live import Live
from backend.serving.loading import Loaded, load_preset_models
from backend.settings import Settings
from tests.api.conftest import PROMPT, Serve


@pytest.fixture(scope="module")
def read(preset: Preset) -> Loaded:
    """As a server reads them, file hashes included."""
    return load_preset_models(preset, device="cpu", dtype=None, threads=1)


def health_of(serve: Serve, loaded: Loaded) -> Health:
    app = serve(live=Live(lambda: loaded, waiting=1))
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        assert client.post("/api/inspect", json={"prompt": PROMPT}).status_code == 200
        return Health.model_validate(client.get("/api/health").json())


def test_the_build_of_the_live_weights_is_live(serve: Serve, read: Loaded) -> None:
    health = health_of(serve, read)
    assert (health.status, health.why) == ("live", [])
    assert health_note(health) is None


def test_a_build_of_other_weights_is_said_on_every_page(serve: Serve, read: Loaded) -> None:
    weights = next(name for name in read.files["model"] if name.endswith(".safetensors"))
    other = replace(read, files={**read.files, "model": {**read.files["model"], weights: "f" * 64}})
    health = health_of(serve, other)
    assert health.status == "degraded"
    (sentence,) = health.why
    assert "another model" in sentence
    assert weights in sentence
    assert read.files["model"][weights][:8] in sentence
    assert "precompute" in sentence
    assert sentence in str(health_note(health))


def test_an_sae_of_the_same_name_is_compared_too(store: Store, read: Loaded) -> None:
    provenance = store.provenance()
    assert mismatches(provenance, read.files) == []
    assert mismatches(provenance, {}) == []  # nothing is known of what is live: nothing is claimed
    other = {**read.files, "layer_2": {"cfg.json": "0" * 64}}
    assert "another SAE under the name layer_2" in mismatches(provenance, other)[0]


def test_a_damaged_sae_is_named_and_the_others_work(
    serve: Serve, preset: Preset, tiny_folder: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "layer_3"
    shutil.copytree(tiny_folder / "saes" / "layer_3", bad)
    (bad / "sae_weights.safetensors").write_bytes(b"no weights")
    kept = tuple(source for source in preset.saes if source.sae_id != "layer_3")
    damaged = replace(preset, saes=(*kept, SaeSource("layer_3", 3, bad)))
    health = health_of(serve, load_preset_models(damaged, device="cpu", dtype=None, threads=1))
    assert health.status == "degraded"
    assert "without 1 damaged SAE" in health.live_detail
    assert str(bad) in health.why[0]
    assert "again" in health.why[0]


def test_a_damaged_result_file_beside_the_build_is_named(
    serve: Serve, settings: Settings, build_path: Path, read: Loaded, tmp_path: Path
) -> None:
    build = tmp_path / "own.duckdb"
    shutil.copy(build_path, build)
    bad = tmp_path / "own.statistics.duckdb"
    bad.write_bytes(b"no results")
    app = serve(
        store=None,
        settings=settings.model_copy(update={"build": build}),
        live=Live(lambda: read, waiting=1),
    )
    with TestClient(app) as client:
        assert app.state.backend.live.ready.wait(10)
        health = client.get("/api/health").json()
        assert health["status"] == "degraded"
        assert str(bad) in health["why"][0]
        assert client.get("/api/tokens").status_code == 200
        bad.unlink()
        assert client.get("/api/health").json()["status"] == "live"


def test_a_hub_snapshot_is_known_by_its_contents(tmp_path: Path) -> None:
    """Two commits with the same files are one model;
    one commit with other files under it is another.
    """
    blobs, snapshots = tmp_path / "blobs", tmp_path / "snapshots"
    blobs.mkdir()

    def snapshot(commit: str, weights: bytes) -> Path:
        folder = snapshots / commit
        folder.mkdir(parents=True)
        blob = blobs / hashlib.sha256(weights).hexdigest()
        blob.write_bytes(weights)
        (folder / "model.safetensors").symlink_to(blob)
        (folder / "config.json").write_text("{}")
        return folder

    first, same, other = snapshot("a", b"one"), snapshot("b", b"one"), snapshot("c", b"two")
    assert snapshot_hash(first) == snapshot_hash(same)
    assert snapshot_hash(first)[0] != snapshot_hash(other)[0]
    # the blob's name is its hash
    assert snapshot_hash(first)[1] == folder_hash(first, MODEL_FILES)[1]

"""Tables of a build as files: whole, in pieces, and refused where they are too long."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest
from fastapi.testclient import TestClient

from backend.cli import main
from backend.core.presets import load_preset
from backend.core.store import Store, StoreInvalid, export
from backend.main import create_api
from backend.serving.live import Live
from backend.settings import Settings
from tests.api.conftest import Serve


def test_exports_hold_the_whole_table(client: TestClient, store: Store) -> None:
    tokens = list(csv.DictReader(io.StringIO(client.get("/api/export/tokens").text)))
    assert len(tokens) == store.tokens(limit=1)[1]
    reply = client.get("/api/export/edges", params={"sae_id": "layer_0", "format": "parquet"})
    table = pyarrow.parquet.read_table(io.BytesIO(reply.content))
    assert table.num_rows == store.saes()[0].n_edges
    assert 'filename="edges-layer_0.parquet"' in reply.headers["content-disposition"]
    features = client.get("/api/export/features", params={"sae_id": "layer_0"})
    assert features.text.count("\n") == store.saes()[0].n_active + 1
    assert client.get("/api/export/nothing").status_code == 404


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_edges_of_the_shipped_build_are_sent_in_pieces(form: str) -> None:
    """All of its SAEs are within the limit that is stated, and no piece grows with the table."""
    lab = load_preset("lab")
    api = create_api(None, Live(None, waiting=1), Settings(), preset=lab)
    with TestClient(api) as client:
        limit = client.get("/api/capabilities").json()["limits"]["export_rows"]
        store = Store.open(lab.build)
        for sae in store.saes():
            assert sae.n_edges > 1_000_000
            made = export.export_of(store, "edges", sae.sae_id, limit)
            sizes = [len(chunk) for chunk in export.chunks(made, form)]
            assert max(sizes) < 16e6
            assert len(sizes) > 4
        with client.stream(
            "GET", "/api/export/edges", params={"sae_id": sae.sae_id, "format": form}
        ) as reply:
            assert reply.status_code == 200
            assert sum(len(part) for part in reply.iter_bytes()) == sum(sizes)


def test_a_table_that_is_too_long_is_413_with_a_command_that_writes_it(
    client: TestClient,
    serve: Serve,
    settings: Settings,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    rows = [replace(row, n_edges=100_000_000) for row in store.saes()]
    with monkeypatch.context() as patched:
        patched.setattr(Store, "saes", lambda self: rows)
        detail = client.get("/api/export/edges?sae_id=layer_0").json()["detail"]
        assert "100000000 rows" in detail
        assert str(settings.max_export_rows) in detail
    with TestClient(serve(settings=settings.model_copy(update={"max_export_rows": 3}))) as strict:
        for table in ("tokens", "coverage", "features", "edges"):
            reply = strict.get(
                f"/api/export/{table}", params={} if table == "tokens" else {"sae_id": "layer_0"}
            )
            assert reply.status_code == 413
            assert "this server sends 3" in reply.json()["detail"]
            command = reply.json()["detail"].split("`")[1].split()
            assert command[0] == "functionscope"
            written = [
                str(tmp_path / part) if part.endswith(".parquet") else part for part in command[1:]
            ]
            monkeypatch.chdir(store.path.parent)
            assert main(written) == 0
            n_rows = pyarrow.parquet.read_table(tmp_path / f"{table}.parquet").num_rows
            assert f"has {n_rows} rows" in reply.json()["detail"]
            assert not list(tmp_path.glob("*.part"))


def test_a_build_that_is_replaced_between_two_pages_of_an_export_is_not_mixed(
    build_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "build.duckdb"
    path.write_bytes(build_path.read_bytes())
    monkeypatch.setattr(export, "ROWS_A_PIECE", 4)
    store = Store.open(path)
    pieces = export.chunks(export.export_of(store, "features", "layer_0"), "csv")
    next(pieces)
    (tmp_path / "new").write_bytes(build_path.read_bytes())
    (tmp_path / "new").replace(path)
    with pytest.raises(StoreInvalid, match="replaced"):
        list(pieces)
    store.close()

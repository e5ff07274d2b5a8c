"""People's own labels: written, found, taken along, and changed by whom it may be."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from backend.core.fingerprints import file_hashes, sae_identity
from backend.core.runs import RunStore
from backend.core.store import Store
from backend.serving.live import Live
from backend.settings import Settings
from tests.api.conftest import Serve

SAE = "layer_2"
TOKEN = "a token of sixteen and more"


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return Settings(runs=tmp_path / "runs.sqlite", threads=1)


@pytest.fixture
def client(serve: Serve, own: Settings) -> Iterator[TestClient]:
    with TestClient(serve(settings=own, live=Live(None, waiting=1))) as made:
        yield made


def put(client: TestClient, index: int, label: str, **more: Any) -> dict[str, Any]:
    headers = more.pop("headers", {})
    body = {"label": label, **more}
    reply = client.put(f"/api/labels/{SAE}/{index}", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def labels(client: TestClient, **query: str) -> dict[int, str]:
    found = client.get("/api/labels", params=query).json()["labels"]
    return {one["feature_index"]: one["label"] for one in found}


def test_a_label_is_written_read_changed_and_taken_away(client: TestClient) -> None:
    assert labels(client) == {}
    made = put(client, 3, "  line breaks ", note="two\nlines", author="Ada")
    assert (made["label"], made["note"], made["author"]) == ("line breaks", "two\nlines", "Ada")
    assert client.get(f"/api/labels/{SAE}/3").json().items() <= made.items()
    put(client, 3, "line ends")
    put(client, 11, "full stops")
    assert labels(client) == {3: "line ends", 11: "full stops"}
    assert labels(client, q="STOP") == {11: "full stops"}
    assert labels(client, sae_id="layer_0") == {}
    assert client.delete(f"/api/labels/{SAE}/3").json() == {"sae_id": SAE, "feature_index": 3}
    assert labels(client) == {11: "full stops"}
    for method in (client.get, client.delete):
        gone = method(f"/api/labels/{SAE}/3")
        assert (gone.status_code, gone.json()["detail"]) == (
            404,
            "Feature 3 of layer_2 has no label.",
        )


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("layer_9/3", {"label": "x"}, "layer_9"),
        (f"{SAE}/99999", {"label": "x"}, "features of layer_2"),
        (f"{SAE}/3", {}, "label is missing"),
        (f"{SAE}/3", {"label": "  "}, "one line"),
        (f"{SAE}/3", {"label": "a\nb"}, "one line"),
        (f"{SAE}/3", {"label": "x" * 81}, "80"),
        (f"{SAE}/3", {"label": "x", "notes": ""}, "notes"),
    ],
)
def test_what_is_no_label_is_refused_in_a_sentence(
    client: TestClient, path: str, body: dict[str, Any], said: str
) -> None:
    reply = client.put(f"/api/labels/{path}", json=body)
    assert reply.status_code in (404, 422)
    assert said in reply.json()["detail"]
    assert labels(client) == {}


def test_a_search_finds_features_by_their_labels_at_once(client: TestClient) -> None:
    active = client.get("/api/features", params={"sae_id": SAE, "limit": 5}).json()["features"]
    index = active[2]["feature_index"]

    def found() -> list[int]:
        query = {"sae_id": SAE, "q": "zebra"}
        page = client.get("/api/features", params=query).json()
        assert page["labels_missing"] is None
        return [one["feature_index"] for one in page["features"]]

    assert found() == []
    put(client, index, "Zebra crossings")
    assert found() == [index]
    put(client, index, "something else")
    assert found() == []


def test_a_search_by_tokens_does_without_labels_that_cannot_be_read(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    broken = Settings(runs=tmp_path / "file" / "runs.sqlite", threads=1)
    with TestClient(serve(settings=broken, live=Live(None, waiting=1))) as client:
        page = client.get("/api/features", params={"sae_id": SAE, "q": "the"}).json()
        assert page["total"] > 0
        assert "FUNCTIONSCOPE_RUNS" in page["labels_missing"]
        assert client.get("/api/labels").status_code == 503


def test_another_build_with_the_same_sae_finds_them(
    serve: Serve, own: Settings, client: TestClient, build_path: Path, tmp_path: Path
) -> None:
    """Under whatever name; another SAE of the same name does not."""
    put(client, 3, "line breaks")
    for change, finds in (("renamed", True), ("other weights", False)):
        copy = tmp_path / f"{change}.duckdb"
        shutil.copy(build_path, copy)
        with duckdb.connect(str(copy)) as written:
            query = "SELECT value FROM provenance WHERE key = 'saes'"
            (stated,) = written.execute(query).fetchone() or ("",)
            saes = json.loads(stated)
            if change == "other weights":
                for sae in saes:
                    sae["files"] = dict.fromkeys(sae["files"], "0" * 64)
            else:
                saes = [sae | {"job": "another"} for sae in saes]
            update = "UPDATE provenance SET value = ? WHERE key = 'saes'"
            written.execute(update, [json.dumps(saes)])
        store = Store.open(copy)
        with TestClient(serve(settings=own, store=store, live=Live(None, waiting=1))) as other:
            assert labels(other) == ({3: "line breaks"} if finds else {})
        store.close()


def test_they_are_kept_by_the_sae_s_weights(client: TestClient, tiny_folder: Path) -> None:
    files = file_hashes(tiny_folder / "saes" / SAE, ("*.safetensors", "cfg.json"))
    assert put(client, 3, "x")["sae"] == sae_identity(files)
    del files["cfg.json"]
    assert put(client, 3, "x")["sae"] == sae_identity(files)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_they_are_taken_along(serve: Serve, client: TestClient, tmp_path: Path, kind: str) -> None:
    put(client, 3, 'commas, "quotes"', note="=two\nlines", author="Ada")
    put(client, 11, "句号")
    file = client.get("/api/labels/file", params={"format": kind})
    assert f"functionscope-labels.{kind}" in file.headers["content-disposition"]
    before = client.get("/api/labels").json()
    elsewhere = Settings(runs=tmp_path / "others.sqlite", threads=1)
    with TestClient(serve(settings=elsewhere, live=Live(None, waiting=1))) as other:
        body = {"format": kind, "text": file.text}
        told = other.post("/api/labels/import", json=body).json()
        assert told == {"written": 2, "unchanged": 0, "kept": 0}
        assert other.get("/api/labels").json() == before  # dates too
        again = other.post("/api/labels/import", json=body).json()
        assert again == {"written": 0, "unchanged": 2, "kept": 0}
        put(other, 3, "mine")
        kept = other.post("/api/labels/import", json=body | {"existing": "keep"}).json()
        assert kept == {"written": 0, "unchanged": 1, "kept": 1}
        assert labels(other)[3] == "mine"
        assert other.post("/api/labels/import", json=body).json()["written"] == 1
        assert labels(other)[3] == 'commas, "quotes"'


def test_the_csv_has_a_row_a_label(client: TestClient) -> None:
    put(client, 3, "x", author="Ada")
    rows = list(csv.DictReader(io.StringIO(client.get("/api/labels/file").text)))
    assert [(one["sae_id"], one["feature_index"], one["label"], one["author"]) for one in rows] == [
        (SAE, "3", "x", "Ada")
    ]
    assert rows[0]["date"].endswith("+00:00")


HEAD = "sae_id,feature_index,label,note\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "layer_2,1,a,\nlayer_2,x,b,\n", 'line 3, feature_index is "x"'),
        (HEAD + 'layer_2,1,a,"two\nlines"\nlayer_2,2,,\n', "line 4, label"),
        (HEAD + "layer_2,1,a,\nlayer_9,2,b,\n", "line 3: This server knows the weights of no SAE"),
        (HEAD + "layer_2,1,a,\n\nlayer_2,99999,b,\n", "line 4: feature_index is 99999"),
        (HEAD + "layer_2,1,a,\nlayer_2,1,b,\n", "line 3, feature_index is 1; allowed: one row"),
        (HEAD + "layer_2,1,a\n", "line 2 is"),
        (HEAD + f"layer_2,1,{'x' * 81},\n", "line 2, label"),
        ("sae_id,index,label\n", 'line 1, column is "index"'),
        ("sae_id,label\n", "line 1: feature_index must stand there"),
        ("feature_index,label\n1,a\n", "line 1: sae_id must stand there"),
        ("sae_id,feature_index,label,date\nlayer_2,1,a,soon\n", "line 2, date"),
        ("sae,feature_index,label\nzz,1,a\n", "line 2, sae is"),
        (HEAD + 'layer_2,1,"a,\n', "line 2 is no CSV"),
        ("", "line 1: feature_index and label and sae_id must stand there"),
        ("json:{}", "line 1: the file is no JSON list"),
        (
            'json:[\n {"sae_id": "layer_2", "feature_index": 1, "label": "a"},\n {"label": 1}\n]',
            "line 3",
        ),
        ('json:[\n {"sae_id": "layer_2", "feature_index": 1, "label": 5}]', "line 2, label is 5"),
        (
            'json:[{"sae_id": "layer_2", "feature_index": 1, "label": "a"}\n {}]',
            "line 2: a comma or ]",
        ),
        ("json:[\n\n nothing]", "line 3 is no JSON"),
        ("json:[\n7]", "line 2 is 7"),
        ("json:[", "line 1 is no JSON"),
    ],
)
def test_a_wrong_row_is_named_by_its_line_and_nothing_is_written(
    client: TestClient, text: str, said: str
) -> None:
    kind = "json" if text.startswith("json:") else "csv"
    body = {"format": kind, "text": text.removeprefix("json:")}
    reply = client.post("/api/labels/import", json=body)
    assert reply.status_code == 422, reply.text
    assert reply.json()["detail"].startswith(said)
    assert labels(client) == {}


def test_labels_of_an_sae_that_is_not_served_are_kept_for_when_it_is(client: TestClient) -> None:
    text = "sae,feature_index,label\n0123456789abcdef,99999,far\n"
    told = client.post("/api/labels/import", json={"format": "csv", "text": text}).json()
    assert told["written"] == 1
    assert labels(client) == {}


# -- who may write --------------------------------------------------------------------------------


def stranger(serve: Serve, settings: Settings, address: str = "203.0.113.5") -> TestClient:
    return TestClient(serve(settings=settings, live=Live(None, waiting=1)), client=(address, 1))


def test_a_stranger_changes_what_they_wrote_and_nothing_else(
    serve: Serve, own: Settings, client: TestClient
) -> None:
    put(client, 3, "the owner's")
    with stranger(serve, own) as other:
        token = {"X-Delete-Token": put(other, 11, "a stranger's")["delete_token"]}
        assert put(other, 11, "changed", headers=token)["delete_token"] is None
        for reply in (
            other.put(f"/api/labels/{SAE}/3", json={"label": "no"}),
            other.put(f"/api/labels/{SAE}/3", json={"label": "no"}, headers=token),
            other.delete(f"/api/labels/{SAE}/3", headers=token),
            other.delete(f"/api/labels/{SAE}/11"),
            other.post(
                "/api/labels/import",
                json={"format": "csv", "text": HEAD + "layer_2,5,new,\nlayer_2,3,no,\n"},
            ),
        ):
            assert reply.status_code == 403, reply.text
            assert "Somebody else wrote the label of feature" in reply.json()["detail"]
        assert labels(other) == {3: "the owner's", 11: "changed"}
        assert other.delete(f"/api/labels/{SAE}/11", headers=token).status_code == 200
    put(client, 3, "this machine may")


def test_with_a_token_of_the_server_whoever_has_it_writes(serve: Serve, own: Settings) -> None:
    locked = own.model_copy(update={"token": SecretStr(TOKEN)})
    with stranger(serve, locked) as other:
        assert other.put(f"/api/labels/{SAE}/3", json={"label": "x"}).status_code == 401
        assert other.get("/api/labels").status_code == 200
        key = {"Authorization": f"Bearer {TOKEN}"}
        put(other, 3, "x", headers=key)
    with stranger(serve, locked, "203.0.113.6") as third:
        put(third, 3, "y", headers=key)
        assert labels(third) == {3: "y"}


def test_two_who_write_the_same_label_at_once_both_succeed(own: Settings) -> None:
    """The second finds the first one's row."""
    from backend.core.runs import LabelRow

    one, two = RunStore(own.runs), RunStore(own.runs)
    row = LabelRow("0" * 16, 1, SAE, "a", "", "", "2026-01-01T00:00:00+00:00")
    assert one.labels.put([row], trusted=True)
    real, said = two.labels._put, []

    def late(*arguments: Any) -> bool:
        said.append(arguments)
        if len(said) == 1:
            raise __import__("sqlalchemy").exc.IntegrityError("insert", {}, Exception())
        return real(*arguments)

    two.labels._put = late  # type: ignore[method-assign]
    assert two.labels.put([row], trusted=True) is None
    one.close()
    two.close()

"""The client of the HTTP API: typed answers, streams, files, and one exception."""

import inspect
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import functionscope
import httpx
import numpy as np
import pytest
from functionscope import ApiError, Client, Stream, ablate, add, clamp, frame, scale

from backend import client as room
from backend import schemas as wire
from tests.api.conftest import PROMPT

ROOT = Path(__file__).resolve().parents[3]
SAE = "layer_2"
PUSH = add(SAE, 3, 8.0, "last")


def test_it_is_imported_by_the_distribution_s_name() -> None:
    assert functionscope.Client is room.Client
    assert functionscope.client is room
    installed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found = installed["packages"]["find"]
    packages = {p.parent.name for w in found["where"] for p in (ROOT / w).glob("*/__init__.py")}
    assert "functionscope" in packages & set(found["include"])


READING: dict[str, tuple[Callable[[Client], Any], str, dict[str, Any]]] = {
    "capabilities": (Client.capabilities, "/api/capabilities", {}),
    "coverage": (
        lambda scope: scope.coverage(SAE, order="degree", max_rank=3),
        "/api/coverage",
        {"sae_id": SAE, "order": "degree", "max_rank": 3},
    ),
    "tokens": (lambda scope: scope.tokens("the", limit=4), "/api/tokens", {"q": "the", "limit": 4}),
    "features": (
        lambda scope: scope.features(SAE, "the", limit=2),
        "/api/features",
        {"sae_id": SAE, "q": "the", "limit": 2},
    ),
    "feature": (
        lambda scope: scope.feature(SAE, 3, limit=1),
        f"/api/features/{SAE}/3",
        {"limit": 1},
    ),
    "graph": (
        lambda scope: scope.graph(SAE, max_edges=40),
        "/api/graph",
        {"sae_id": SAE, "max_edges": 40},
    ),
}


@pytest.mark.parametrize("name", READING)
def test_what_is_read_is_what_the_api_answers(scope: Client, served_url: str, name: str) -> None:
    call, path, query = READING[name]
    answer = call(scope)
    raw = httpx.get(served_url + path, params=query).json()
    assert isinstance(answer, wire.Response)
    told = answer.model_dump(mode="json")
    assert {key: told[key] for key in raw} == raw


def test_what_is_left_out_is_the_server_s_default(scope: Client) -> None:
    assert scope.coverage(SAE).effective["order"] == "frequency"
    assert scope.inspect(PROMPT).effective["theta"] == 0


def test_a_prompt_is_read(scope: Client) -> None:
    read = scope.inspect(PROMPT, sae_ids=[SAE], next_tokens=1)
    assert list(read.firings) == [SAE]
    assert [t.text for t in scope.tokenize(PROMPT).tokens] == [t.text for t in read.tokens]
    assert {row.layer for row in scope.lens(PROMPT, layers=[0, 2], k=2).rows} == {0, 2}
    assert scope.reactivation(PROMPT, sae_ids=[SAE]).index.keys() == {SAE}
    assert scope.strength(PROMPT, [{"sae_id": SAE, "feature_index": 3}]).features[0].layer == 2


def test_numbers_of_numpy_are_numbers(scope: Client) -> None:
    index, value = np.int64(3), np.float32(8.0)
    steered = scope.steer(PROMPT, [add(SAE, index, value, "last")], max_new_tokens=2)
    assert steered == scope.steer(PROMPT, [PUSH], max_new_tokens=2)
    assert scope.feature(SAE, index).feature_index == 3


@pytest.mark.parametrize(
    ("edit", "mode"), [(add, "add"), (clamp, "clamp"), (scale, "scale"), (ablate, "ablate")]
)
def test_each_intervention_is_one_that_the_server_takes(
    scope: Client, edit: Callable[..., Any], mode: str
) -> None:
    made = edit(SAE, 3) if mode == "ablate" else edit(SAE, 3, 2.0)
    effective = scope.steer(PROMPT, [made], max_new_tokens=0).effective
    assert effective["interventions"][0]["mode"] == mode


def test_a_stream_is_an_iterator_that_ends_in_the_answer(scope: Client) -> None:
    with scope.steer_stream(PROMPT, [PUSH], max_new_tokens=4) as stream:
        frames = list(stream)
    kinds = [type(one).__name__ for one in frames]
    assert (kinds[0], kinds[-1]) == ("StartFrame", "FinalFrame")
    written = "".join(
        one.text for one in frames if getattr(one, "arm", "") == "steered" and hasattr(one, "text")
    )
    assert stream.result() == scope.steer(PROMPT, [PUSH], max_new_tokens=4)
    assert stream.result().steered.texts == [written]


STREAMS: dict[str, Callable[[Client], Stream[Any]]] = {
    "sweep": lambda scope: scope.sweep_stream(PROMPT, SAE, 3, [1.0, 2.0], positions="last"),
    "patch": lambda scope: scope.patch_stream(PROMPT, "What is the capital of the UK?\n"),
    "set": lambda scope: scope.reactivation_stream(SAE, prompts=[PROMPT], shuffles=2),
    "traits": lambda scope: scope.traits_stream(
        trait_prompt="Speak Chinese.\n",
        contrast_prompts=[PROMPT],
        test_prompts=[PROMPT],
        success={"kind": "language", "language": "zh"},
        max_new_tokens=2,
        alphas=[1.0],
        sae_ids=[SAE],
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_is_read_to_its_result(scope: Client, name: str) -> None:
    with STREAMS[name](scope) as stream:
        assert stream.stream_id
        kinds = [type(one).__name__ for one in stream]
        assert kinds[0] == "StartFrame"
        assert kinds[-1].endswith("FinalFrame")
        assert stream.result().effective


def test_a_whole_map_is_the_stream_s_result(scope: Client) -> None:
    assert len(scope.sweep(PROMPT, SAE, 3, [1.0, 2.0], positions="last").cells) == 2
    assert scope.patch(PROMPT, "What is the capital of the UK?\n").rows


def test_leaving_a_stream_lets_the_next_one_run(scope: Client) -> None:
    with scope.steer_stream(PROMPT, [PUSH], max_new_tokens=100) as stream:
        next(iter(stream))
    assert scope.steer(PROMPT, [PUSH], max_new_tokens=1).steered.texts
    with pytest.raises(ApiError, match="stopped before"):
        stream.result()


def test_a_run_is_recorded_opened_saved_and_removed(scope: Client, tmp_path: Path) -> None:
    made = scope.record("inspect", prompt=PROMPT, theta=0.123, title="from the client")
    run = scope.run(made.run_id)
    assert (run.title, run.request["theta"]) == ("from the client", 0.123)
    saved = scope.run_file(made.run_id, tmp_path / "run.json", format="json")
    assert made.run_id in saved.read_text("utf-8")
    assert made.delete_token
    with pytest.raises(ApiError) as refused:
        scope.delete_run(made.run_id, "not it")
    assert refused.value.status == 403
    assert scope.delete_run(made.run_id, made.delete_token).run_id == made.run_id
    with pytest.raises(ApiError, match="is recorded on this server"):
        scope.run(made.run_id)


def test_labels_are_written_found_and_taken_along(scope: Client, tmp_path: Path) -> None:
    made = scope.label(SAE, 3, "line breaks", note="and more", author="Ada")
    assert made.delete_token
    assert [one.label for one in scope.labels(SAE, q="BREAKS")] == ["line breaks"]
    file = scope.export_labels(tmp_path / "labels.csv")
    assert scope.import_labels(file).unchanged == 1
    scope.label(SAE, 3, "another")
    assert scope.import_labels(file, existing="keep").kept == 1
    assert scope.delete_label(SAE, 3).feature_index == 3
    file.write_text(file.read_text("utf-8").replace("line breaks", ""), "utf-8")
    with pytest.raises(ApiError, match="^line 2, label"):
        scope.import_labels(file)
    assert scope.labels() == []


def test_a_table_is_saved_in_the_format_of_its_name(scope: Client, tmp_path: Path) -> None:
    csv = scope.export("coverage", tmp_path / "c.csv", sae_id=SAE)
    assert csv.read_text("utf-8").startswith('"rank",')
    assert scope.export("tokens", tmp_path / "t.parquet").read_bytes()[:4] == b"PAR1"
    with pytest.raises(ApiError, match="format"):
        scope.export("tokens", tmp_path / "t.xlsx")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["c.csv", "t.parquet"]


def test_answers_are_tables_where_pandas_is(scope: Client) -> None:
    pytest.importorskip("pandas")
    coverage, read = scope.coverage(SAE, max_rank=5), scope.inspect(PROMPT)
    assert frame(coverage.rows)["rank"].tolist() == [1, 2, 3, 4, 5]
    firings = frame(read.firings)
    assert set(firings["sae_id"]) == set(read.firings)
    assert len(firings) == sum(len(one.position) for one in read.firings.values())
    with pytest.raises(TypeError, match="rows"):
        frame(coverage)


def test_a_refusal_carries_the_server_s_sentence(scope: Client, served_url: str) -> None:
    with pytest.raises(ApiError) as refused:
        scope.coverage(SAE, theta=-1)
    raw = httpx.get(f"{served_url}/api/coverage", params={"sae_id": SAE, "theta": -1}).json()
    error = refused.value
    assert (error.status, str(error), error.title) == (422, raw["detail"], raw["title"])
    assert [one.field for one in error.errors] == ["theta"]
    assert error.request_id
    with pytest.raises(ApiError, match="thta"):
        scope.inspect(PROMPT, thta=1)
    with pytest.raises(ApiError, match="samples"):
        scope.steer_stream(PROMPT, [PUSH], samples=99, temperature=1)


def test_a_failure_inside_a_stream_is_raised() -> None:
    problem = wire.Problem(
        type="x", title="Not available now", status=503, detail="gone", request_id="7"
    )
    said = wire.ErrorFrame(seq=0, problem=problem).model_dump_json()
    with pytest.raises(ApiError) as failed:
        list(answering(200, f"event: error\ndata: {said}\n\n").steer_stream(PROMPT, []))
    assert (str(failed.value), failed.value.status, failed.value.request_id) == ("gone", 503, "7")
    with pytest.raises(ApiError, match="ended without its last frame"):
        list(answering(200, "").steer_stream(PROMPT, []))


def answering(status: int, text: str, **headers: str) -> Client:
    """A client of a server that says nothing else."""
    reply = httpx.MockTransport(lambda _: httpx.Response(status, text=text, headers=headers))
    return Client("http://elsewhere", transport=reply)


def test_another_server_or_none_is_told_apart(served_url: str) -> None:
    with pytest.raises(ApiError, match="is it FunctionScope"):
        answering(404, "<html>").claims()
    with pytest.raises(ApiError, match="is no Capabilities"):
        answering(200, "{}").capabilities()
    with pytest.raises(ApiError, match="functionscope serve") as unreached:
        Client("http://127.0.0.1:1").health()
    assert unreached.value.status == 0
    with pytest.raises(ApiError, match="no address"):
        Client("http://here:port").health()


def test_the_wait_that_a_full_server_asks_for_is_told() -> None:
    body = '{"type": "x", "title": "t", "status": 429, "detail": "full", "request_id": "1"}'
    with pytest.raises(ApiError, match="full") as refused:
        answering(429, body, **{"retry-after": "2"}).inspect(PROMPT)
    assert refused.value.retry_after == 2.0


def test_a_token_and_a_prefix_in_the_address_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"runs": 1})

    monkeypatch.setenv("FUNCTIONSCOPE_TOKEN", "from the environment")
    for client in (
        Client("http://there/m/lab/", "given", transport=httpx.MockTransport(note)),
        Client("http://there/m/lab", transport=httpx.MockTransport(note)),
    ):
        assert client.get("/api/experiments", a=None, ids=[1, 2]) == {"runs": 1}
    assert [str(one.url) for one in seen] == ["http://there/m/lab/api/experiments?ids=1%2C2"] * 2
    tokens = [one.headers["authorization"] for one in seen]
    assert tokens == ["Bearer given", "Bearer from the environment"]


@pytest.mark.parametrize(
    ("method", "model"),
    [
        (Client.features, wire.FeaturesQuery),
        (Client.coverage, wire.CoverageQuery),
        (Client.inspect, wire.InspectRequest),
        (Client.steer, wire.SteerRequest),
        (Client.steer_stream, wire.SteerRequest),
        (Client.sweep, wire.SweepRequest),
        (Client.lens, wire.LensRequest),
        (Client.patch, wire.PatchRequest),
        (Client.export, wire.ExportQuery),
    ],
)
def test_a_signature_has_every_field_of_the_wire(method: Callable[..., Any], model: Any) -> None:
    shown = inspect.signature(method).parameters
    assert set(model.model_fields) <= set(shown)
    for name, field in model.model_fields.items():
        own = shown[name].kind is not inspect.Parameter.KEYWORD_ONLY
        assert (
            own
            or field.is_required()
            or shown[name].default == field.get_default(call_default_factory=True)
        )
        assert own or str(field.description) in str(method.__doc__)

"""A prefix on the wire: what is read is the whole text's, without the prefix."""

import pytest
from fastapi.testclient import TestClient

from backend.core.lm import LanguageModel
from tests.api.conftest import PROMPT, SAE_IDS, steer_body
from tests.api.live.prefix_case import PREFIX, SPLIT, WHOLE, columns, same_tokens
from tests.api.live.test_live import answer


def test_tokenize_tells_where_the_prefix_ends(
    client: TestClient, lm: LanguageModel, n: int
) -> None:
    found = answer(client, "/api/tokenize", **SPLIT)
    assert [token["token_id"] for token in found["tokens"]] == lm.tokenize(WHOLE)
    assert found["prefix_length"] == n
    assert found["effective"]["prefix"] == PREFIX
    assert found["effective"]["prefix_length"] == n
    assert found["last_function"] == answer(client, "/api/tokenize", prompt=WHOLE)["last_function"]
    inside = answer(
        client, "/api/tokenize", prefix=PREFIX, prompt="cat"
    )  # function tokens in the prefix alone
    assert inside["tokens"][-1]["token_class"] == "content"
    assert inside["last_function"] is None


def test_a_token_over_the_boundary_is_the_prompt_s(client: TestClient, lm: LanguageModel) -> None:
    found = answer(client, "/api/tokenize", prefix="What is the cap", prompt="ital of Russia?\n")
    assert [token["token_id"] for token in found["tokens"]] == lm.tokenize(
        "What is the capital of Russia?\n"
    )
    texts = [token["text"] for token in found["tokens"]]
    assert "".join(texts[1 : found["prefix_length"]]) == "What is the"


def test_without_a_prefix_nothing_is_named(client: TestClient) -> None:
    for path, body in (
        ("tokenize", {"prompt": PROMPT}),
        ("inspect", {"prompt": PROMPT}),
        ("steer", steer_body()),
    ):
        found = answer(client, f"/api/{path}", **body)
        assert found["prefix_length"] == 0
        assert not {"prefix", "prefix_length", "include_prefix", "next_tokens_at", "stop"} & set(
            found["effective"]
        )


def test_inspect_reads_what_follows_as_the_whole_text_does(client: TestClient, n: int) -> None:
    found, whole = (
        answer(client, "/api/inspect", **SPLIT),
        answer(client, "/api/inspect", prompt=WHOLE),
    )
    assert found["tokens"] == whole["tokens"]
    assert found["prefix_length"] == n
    for sae_id in SAE_IDS:
        assert columns(found, sae_id) == columns(whole, sae_id, since=n) != []
        norms = found["residual_norms"][sae_id]
        assert norms[:n] == [None] * n
        assert norms[n:] == pytest.approx(whole["residual_norms"][sae_id][n:], rel=1e-4)
        assert {int(f) for f in found["feature_info"][sae_id]} == {
            f for _, f, _ in columns(found, sae_id)
        }
    same_tokens(found["next_tokens"], [one for one in whole["next_tokens"] if one["position"] >= n])


def test_earlier_positions_start_after_the_prefix(client: TestClient, n: int) -> None:
    """As spelled out from the firings: the prefix's own are none."""
    found = answer(client, "/api/inspect", **SPLIT)
    again = 0
    for sae_id in SAE_IDS:
        seen: set[int] = set()
        rows = columns(found, sae_id)
        for split in found["splits"][sae_id]:
            here = {f for p, f, _ in rows if p == split["position"]}
            before = {f for p, f, _ in rows if p == split["position"] - 1}
            assert split["firing"] == len(here)
            assert split["reactivated"] == len(here & seen)
            assert split["carried"] == len(here & before)
            again += len(here & seen)
            seen |= here
        assert [split["position"] for split in found["splits"][sae_id]] == list(
            range(n, len(found["tokens"]))
        )
    whole = answer(client, "/api/inspect", prompt=WHOLE)
    counted = sum(
        s["reactivated"] for rows in whole["splits"].values() for s in rows if s["position"] >= n
    )
    assert 0 < again < counted


def test_the_prefix_is_read_where_it_is_asked_for(client: TestClient, n: int) -> None:
    """Its firings come along, and still count for nothing."""
    found = answer(client, "/api/inspect", **SPLIT, include_prefix=True)
    whole = answer(client, "/api/inspect", prompt=WHOLE)
    assert found["firings"] == whole["firings"]
    assert found["next_tokens"] == whole["next_tokens"]
    assert found["residual_norms"] == whole["residual_norms"]
    assert found["splits"] == answer(client, "/api/inspect", **SPLIT)["splits"] != whole["splits"]
    assert found["effective"]["include_prefix"] is True
    assert found["prefix_length"] == n


def test_next_tokens_at_asked_positions_alone(client: TestClient, n: int) -> None:
    last = len(answer(client, "/api/tokenize", **SPLIT)["tokens"]) - 1
    whole = answer(client, "/api/inspect", **SPLIT)["next_tokens"]
    found = answer(client, "/api/inspect", **SPLIT, next_tokens_at=[last, n])
    same_tokens(found["next_tokens"], [one for one in whole if one["position"] in (n, last)])
    assert found["effective"]["next_tokens_at"] == [last, n]
    for wrong in ([n - 1], [last + 1], [n, n]):
        reply = client.post("/api/inspect", json=SPLIT | {"next_tokens_at": wrong})
        assert reply.status_code == 422
        assert reply.json()["errors"][0]["field"] == "next_tokens_at"
    assert answer(client, "/api/inspect", **SPLIT, next_tokens_at=[])["next_tokens"] == []


def test_what_is_generated_behind_a_prefix_is_read_too(client: TestClient, n: int) -> None:
    found = answer(client, "/api/inspect", **SPLIT, generate=4)
    whole = answer(client, "/api/inspect", prompt=WHOLE, generate=4)
    assert found["tokens"] == whole["tokens"]
    assert found["generated_from"] == whole["generated_from"]
    assert columns(found, "layer_2") == columns(whole, "layer_2", since=n)


def test_a_prefix_is_run_once(
    client: TestClient, lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inspect, steer, sweep and strength of one prefix: what is filled by itself is the prefix, the
    first time.
    """
    filled: list[int] = []
    fill = lm.fill
    monkeypatch.setattr(
        lm, "fill", lambda ids, cache: (filled.append(len(ids[0])), fill(ids, cache))[1]
    )
    own = {"prefix": "Speak Chinese.\n\n" + PREFIX, "prompt": PROMPT}
    answer(client, "/api/inspect", **own)
    assert filled == [answer(client, "/api/tokenize", **own)["prefix_length"]]
    answer(client, "/api/steer", **steer_body(**own))
    answer(client, "/api/strength", **own, features=[{"sae_id": "layer_2", "feature_index": 3}])
    answer(client, "/api/inspect", **own | {"prompt": "The dog sat.\n"})
    assert len(filled) == 1


def test_shuffles_leave_the_prefix_alone(client: TestClient, n: int) -> None:
    found = answer(client, "/api/reactivation", **SPLIT, sae_ids=["layer_2"], shuffles=5)
    rows = found["shuffled"]["layer_2"]
    assert [row["position"] for row in rows] == list(range(n, len(found["tokens"])))
    assert found["effective"]["kept_positions"] == [
        answer(client, "/api/tokenize", **SPLIT)["last_function"]
    ]
    splits = answer(client, "/api/inspect", **SPLIT, sae_ids=["layer_2"])["splits"]["layer_2"]
    classes = {token["position"]: token["token_class"] for token in found["tokens"]}
    for one in found["index"]["layer_2"]["classes"]:
        mine = [row for row in splits if classes[row["position"]] == one["token_class"]]
        assert (one["n_positions"], one["firing"]) == (
            len(mine),
            sum(row["firing"] for row in mine),
        )
        assert one["reactivated"] == sum(row["reactivated"] for row in mine)
    assert rows[0]["reactivated"]["mean"] == 0  # nothing comes before the first position after it


def test_a_set_behind_a_prefix_is_its_prompts_behind_it(client: TestClient) -> None:
    body = {"prefix": PREFIX, "sae_id": "layer_2", "shuffles": 5}
    found = answer(client, "/api/reactivation/set", **body, prompts=[PROMPT])
    alone = answer(client, "/api/reactivation", **SPLIT, sae_ids=["layer_2"], shuffles=5)
    assert found["index"] == alone["index"]["layer_2"]
    assert found["effective"]["prefix"] == PREFIX


def test_a_recorded_run_keeps_its_prefix(client: TestClient) -> None:
    for kind, request in (("inspect", SPLIT), ("steer", steer_body(**SPLIT, stop=["\n\n"]))):
        made = client.post("/api/runs", json={"kind": kind, "request": request}).json()
        run = client.get(f"/api/runs/{made['run_id']}").json()
        assert run["request"]["prefix"] == PREFIX
        assert run["result"] == client.post(f"/api/{kind}", json=run["request"]).json()
        other = client.post(
            "/api/runs", json={"kind": kind, "request": request | {"prefix": "", "prompt": WHOLE}}
        )
        assert other.json()["run_id"] != made["run_id"]

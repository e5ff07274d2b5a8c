"""What a prefix may be, what its memory costs, and which requests share one."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.lm.cost import generating_bytes, prefix_bytes
from backend.core.opening import Opening
from backend.core.presets import Demonstration, Preset
from backend.routes.live.inspect import bytes_together, plan_inspect
from backend.routes.live.inspect_together import fits
from backend.schemas import InspectRequest
from backend.serving.loading import Loaded
from backend.settings import Settings
from tests.api.conftest import PROMPT, SAE_IDS, Serve, started, steer_body
from tests.api.live.prefix_case import PREFIX, SPLIT, columns


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (
            {"prefix": "x", "prompt": "y", "chat": True},
            "prefix",
            "write the turns out before the prompt",
        ),
        ({"prefix": PREFIX, "prompt": ""}, "prompt", "at least one token after the prefix"),
    ],
)
def test_what_cannot_be_is_refused(
    client: TestClient, body: dict[str, Any], field: str, said: str
) -> None:
    for path in ("tokenize", "inspect"):
        reply = client.post(f"/api/{path}", json=body)
        assert reply.status_code == 422
        (error,) = reply.json()["errors"]
        assert error["field"] == field
        assert said in error["allowed"]


def test_prefix_and_prompt_have_bounds_of_their_own(
    serve: Serve, settings: Settings, n: int
) -> None:
    own = settings.model_copy(
        update={"max_prefix_tokens": n, "max_prompt_tokens": 12, "max_prompt_chars": 100}
    )
    with TestClient(app := serve(settings=own)) as client:
        assert app.state.backend.live.ready.wait(10)
        assert client.get("/api/capabilities").json()["limits"]["prefix_tokens"] == n
        assert client.post("/api/tokenize", json=SPLIT).status_code == 200
        for body, said in (
            ({"prefix": "a " + PREFIX, "prompt": PROMPT}, f"tokens; this server takes {n}"),
            ({"prefix": PREFIX, "prompt": PROMPT + PROMPT}, "tokens; this server takes 12"),
            (
                {"prefix": "a" * 101, "prompt": PROMPT},
                "The prefix has 101 characters; this server takes 100",
            ),
        ):
            reply = client.post("/api/tokenize", json=body)
            assert reply.status_code == 413
            assert said in reply.json()["detail"]
    wide = settings.model_copy(
        update={"max_prefix_tokens": 8192, "max_prompt_tokens": 600, "max_prompt_chars": 10**6}
    )
    with TestClient(app := serve(settings=wide)) as client:
        assert app.state.backend.live.ready.wait(10)
        reply = client.post(
            "/api/tokenize", json={"prefix": "cat. " * 160, "prompt": "dog. " * 160}
        )
        assert reply.status_code == 413
        assert "the model takes 512" in reply.json()["detail"]


def test_the_memory_of_a_prefix_is_counted(
    serve: Serve, settings: Settings, loaded: Loaded, n: int
) -> None:
    """What it takes to run and keep it is asked for before, and not once it is kept."""
    lm = loaded.lm
    own = {"prefix": "The dog sat by the door.\n\n" + PREFIX, "prompt": PROMPT}
    held = len(lm.tokenize(own["prefix"]))
    whole = len(lm.tokenize(own["prefix"] + PROMPT))
    needed = generating_bytes(lm, 2, 1, whole, 4, past=held)
    tight = settings.model_copy(update={"live_bytes": needed + prefix_bytes(lm, held) - 1})
    with TestClient(app := serve(settings=tight)) as client:
        assert app.state.backend.live.ready.wait(10)
        refused = client.post("/api/steer", json=steer_body(**own))
        assert (refused.status_code, refused.json()["title"]) == (413, "Too long")
        assert (
            client.post("/api/inspect", json=own | {"sae_ids": [], "next_tokens": 1}).status_code
            == 200
        )
        assert loaded.prefixes.holds(lm.tokenize(own["prefix"]))
        assert client.post("/api/steer", json=steer_body(**own)).status_code == 200
        kept = next(
            line
            for line in client.get("/metrics").text.splitlines()
            if line.startswith("functionscope_prefix")
        )
        assert float(kept.split()[1]) == loaded.prefixes.n_bytes > 0


def test_requests_are_read_together_behind_one_prefix_only(
    serve: Serve, settings: Settings, n: int
) -> None:
    bodies = [
        SPLIT,
        SPLIT | {"prompt": "The cat sat.\n"},
        {"prompt": PROMPT},
        SPLIT | {"include_prefix": True},
    ]

    async def ask() -> None:
        app = serve(settings=settings.model_copy(update={"queue": 16}))
        async with started(app) as client:
            served = app.state.backend
            plans = [plan_inspect(InspectRequest(**body), served) for body in bodies]
            assert fits(plans[:2], None)
            assert not fits([plans[0], plans[2]], None)
            assert not fits([plans[0], plans[3]], None)
            lengths = [len(plan.prompt.token_ids) - n for plan in plans[:2]]
            room = bytes_together(
                plans[0].prompt.loaded.lm, lengths, [True, True], plans[0].saes, past=n
            )
            room += plans[0].prompt.past_bytes()
            assert fits(plans[:2], room)
            assert not fits(plans[:2], room - 1)
            alone = [(await client.post("/api/inspect", json=body)).json() for body in bodies]
            replies = await asyncio.gather(
                *(client.post("/api/inspect", json=body) for body in bodies * 2)
            )
            for reply, expected in zip(replies, alone * 2, strict=True):
                found = reply.json()
                assert found["tokens"] == expected["tokens"]
                assert found["splits"] == expected["splits"]
                for sae_id in SAE_IDS:
                    assert [c[:2] for c in columns(found, sae_id)] == [
                        c[:2] for c in columns(expected, sae_id)
                    ]

    asyncio.run(ask())


def test_a_model_that_was_loaded_keeps_no_more_than_it_may(loaded: Loaded, tmp_path: Path) -> None:
    """The setting is what the command hands over."""
    assert loaded.prefixes is loaded.prefixes
    assert Settings(runs=tmp_path / "r.sqlite").prefix_bytes == loaded.prefix_room


def test_capabilities_tell_what_the_pages_open_with(serve: Serve, preset: Preset) -> None:
    opening = Opening(PREFIX, ("\n",), (PROMPT,), "The cat sat.\n", {"steer": "layer_2"})
    own = replace(
        preset,
        opening=opening,
        demonstrations=(Demonstration("t", PROMPT, "layer_2", 1, "add", 1.0, "last", ""),),
    )
    with TestClient(serve(preset=own)) as client:
        told = client.get("/api/capabilities").json()
    assert told["opening"] == {
        "prefix": PREFIX,
        "stop": ["\n"],
        "reactivation": [PROMPT],
        "steer": "The cat sat.\n",
        "chat": False,
        "default_sae": {"steer": "layer_2"},
    }
    assert (told["demonstrations"][0]["prefix"], told["demonstrations"][0]["stop"]) == ("", [])

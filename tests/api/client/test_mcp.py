"""`functionscope mcp`: its tools over stdio, asked by the SDK's own client."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from functionscope import Client

from backend.client.tools import STRONGEST, TOOLS
from tests.api.conftest import PROMPT

ROOT = Path(__file__).resolve().parents[3]
SAE = "layer_2"
PUSH = {"sae_id": SAE, "feature_index": 3, "mode": "add", "value": 8.0, "positions": "last"}


def over_stdio(url: str, ask: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `ask` finds, given a client of the command in a process of its own."""
    mcp = pytest.importorskip("mcp", reason="needs the package mcp: make install-dev")
    stdio = pytest.importorskip("mcp.client.stdio")
    command = stdio.StdioServerParameters(
        command=sys.executable,
        args=["-m", "backend.cli", "mcp", "--api-url", url],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])},
        cwd=str(ROOT),
    )

    async def asked() -> Any:
        async with mcp.Client(command) as client:
            return await ask(client)

    return asyncio.run(asked())


def test_every_tool_answers_over_stdio(served_url: str, scope: Client) -> None:
    arguments: dict[str, dict[str, Any]] = {
        "capabilities": {},
        "coverage": {"sae_id": SAE},
        "find_tokens": {"q": "the"},
        "token": {"token_id": scope.tokens("the").tokens[0].token_id},
        "search_features": {"sae_id": SAE, "order": "n_tokens"},
        "feature": {"sae_id": SAE, "feature_index": 3},
        "inspect": {"prompt": PROMPT},
        "steer": {"prompt": PROMPT, "interventions": [PUSH], "max_new_tokens": 3},
        "lens": {"prompt": PROMPT},
        "claims": {"verdict": "not tested"},
    }
    assert set(arguments) == set(TOOLS)

    async def ask(client: Any) -> dict[str, Any]:
        return {name: await client.call_tool(name, given) for name, given in arguments.items()}

    answers = over_stdio(served_url, ask)
    for name, answer in answers.items():
        assert not answer.is_error, (name, answer.content)
        assert json.loads(answer.content[0].text) == answer.structured_content
    told = {name: answer.structured_content for name, answer in answers.items()}
    assert SAE in [sae["sae_id"] for sae in told["capabilities"]["saes"]]
    assert len(told["coverage"]["rows"]) == 20
    assert told["feature"]["feature_index"] == 3
    steered = scope.steer(PROMPT, [PUSH], max_new_tokens=3, controls=True)
    assert told["steer"]["steered"]["texts"] == steered.steered.texts
    assert told["steer"]["kl"] == steered.kl
    assert set(told["steer"]["controls"]) == set(steered.controls)
    assert {claim["verdict"] for claim in told["claims"]["claims"]} == {"not tested"}
    assert told["claims"]["of"] == len(scope.claims())
    strongest_are_the_strongest(told["inspect"], scope)


def strongest_are_the_strongest(told: dict[str, Any], scope: Client) -> None:
    firings = scope.inspect(PROMPT).firings[SAE]
    for token in told["tokens"]:
        here = sorted(
            (
                a
                for a, p in zip(firings.activation, firings.position, strict=True)
                if p == token["position"]
            ),
            reverse=True,
        )
        mine = [one["activation"] for one in token["strongest"] if one["sae_id"] == SAE]
        assert mine == here[:STRONGEST]


def test_schemas_are_the_wire_s_and_refusals_are_sentences(served_url: str) -> None:
    async def ask(client: Any) -> tuple[Any, Any, Any, Any, Any]:
        return (
            await client.list_tools(),
            await client.call_tool(
                "steer", {"prompt": PROMPT, "interventions": [PUSH], "seed": -1}
            ),
            await client.call_tool("coverage", {}),
            await client.call_tool("coverage", {"sae_id": "layer_9"}),
            await client.call_tool("nothing", {}),
        )

    listed, negative, lacking, unknown, none = over_stdio(served_url, ask)
    tools = {tool.name: tool for tool in listed.tools}
    assert set(tools) == set(TOOLS)
    for name, tool in tools.items():
        assert tool.input_schema["type"] == "object"
        assert tool.description == TOOLS[name].description != ""
        assert tool.annotations.read_only_hint
    steer = tools["steer"].input_schema
    assert set(steer["required"]) == {"prompt", "interventions"}
    assert steer["properties"]["max_new_tokens"]["default"] == 20
    assert "nats" in tools["steer"].description or "KL" in tools["steer"].description
    for refused, said in (
        (negative, "seed"),
        (lacking, "sae_id"),
        (unknown, "layer_9"),
        (none, "find_tokens"),
    ):
        assert refused.is_error
        assert said in refused.content[0].text


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    async def ask(client: Any) -> Any:
        return await client.call_tool("capabilities", {})

    answer = over_stdio("http://127.0.0.1:1", ask)
    assert answer.is_error
    assert "functionscope serve" in answer.content[0].text


def test_without_the_sdk_the_command_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError('no', name='mcp')\n")
    ran = subprocess.run(
        [sys.executable, "-m", "backend.cli", "mcp"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
    )
    assert ran.returncode == 2
    assert ran.stderr == (
        "functionscope mcp: the package mcp is not installed: pip install 'functionscope[mcp]'\n"
    )
    assert ran.stdout == ""

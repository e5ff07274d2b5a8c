"""`functionscope mcp`: the tools of `tools.py` over the Model Context Protocol, on stdio.

The official SDK, `mcp`, is an extra: importing this module without it raises ImportError.
"""

from __future__ import annotations

import json
from typing import Any

import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as ListedTool

from backend.client.client import Client
from backend.client.connection import ApiError
from backend.client.tools import TOOLS

INSTRUCTIONS = """\
FunctionScope answers one question: how do a few function tokens (full stop, comma, line break) \
reach almost everything that a language model knows? These tools read a build (tokens, features of \
sparse autoencoders, coverage, claims) and run the model live (inspect, steer, lens). Begin with \
capabilities, which tells the sae_ids. Every number has its n or its interval; say them, and name \
the model.
"""


def serve(client: Client) -> None:
    """Until the other side closes stdin."""
    anyio.run(_serve, client)


async def _serve(client: Client) -> None:
    server = mcp_server(client)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def mcp_server(client: Client) -> Server[Any]:
    """The server over what `client` reaches."""

    async def list_tools(_: Any, __: Any) -> ListToolsResult:
        return ListToolsResult(tools=listed())

    async def call_tool(_: Any, asked: CallToolRequestParams) -> CallToolResult:
        return await anyio.to_thread.run_sync(called, client, asked, abandon_on_cancel=True)

    return Server(
        "functionscope",
        title="FunctionScope",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def listed() -> list[ListedTool]:
    """What `tools/list` answers: nothing here writes."""
    hints = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return [
        ListedTool(
            name=name, description=tool.description, input_schema=tool.schema, annotations=hints
        )
        for name, tool in TOOLS.items()
    ]


def called(client: Client, asked: CallToolRequestParams) -> CallToolResult:
    """The answer as JSON, or the server's sentence as a tool's error, which the model can mend."""
    tool = TOOLS.get(asked.name)
    if tool is None:
        return _failed(f"{asked.name!r} is no tool; there are {', '.join(TOOLS)}.")
    try:
        answer = tool.answer(client, asked.arguments or {})
    except ApiError as error:
        return _failed(str(error))
    except TypeError as error:  # an argument that the method needs was left out
        return _failed(f"{asked.name}: {error}")
    text = TextContent(type="text", text=json.dumps(answer, ensure_ascii=False))
    return CallToolResult(content=[text], structured_content=answer)


def _failed(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=sentence)], is_error=True)

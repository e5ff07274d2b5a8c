"""What a page opens with where its address says nothing: the preset's choice, if it made one; and
prompts behind the preset's examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.api import ApiClient, ApiProblem
from backend.schemas import Build, Capabilities, Demonstration, Sae, Token, TokenizeRequest


async def in_memory(api: ApiClient) -> Capabilities:
    """What the server can do once its model is in memory: a page that works with it cannot be laid
    out before. Where it cannot be had, what the server can do without.
    """
    can = await api.capabilities()
    if not can.live or can.model_info is not None:
        return can
    try:  # the model is loaded by whoever uses it first
        await api.tokenize(TokenizeRequest(prompt=can.default_prompt or "."))
    except ApiProblem:
        return can
    return await api.capabilities()


def opened_sae(page: str, can: Capabilities, saes: Sequence[Sae]) -> Sae:
    """The SAE that the preset names for the page, if it is one of these; else the middle one.

    `saes`: those that the page can show, shallow first; not empty.
    """
    chosen = named_sae(page, can)
    middle = saes[(len(saes) - 1) // 2]
    return next((sae for sae in saes if sae.sae_id == chosen), middle)


def coverage_setting(sae: Sae, build: Build | None) -> tuple[float, int]:
    """θ and the firings of an edge that the build opens coverage on; the paper's where it names
    none.
    """
    if build is None:
        return 0.0, 1
    grid = sae.theta_grid or [0.0]
    return grid[min(build.coverage_theta_place, len(grid) - 1)], build.coverage_min_count


def named_sae(page: str, can: Capabilities) -> str | None:
    """The sae_id that the preset names for the page; None where it names none."""
    return can.opening.default_sae.get(page)


def live_demonstrations(can: Capabilities) -> list[Demonstration]:
    """Those whose SAE is live, in the preset's order: Steering opens with the first."""
    live = {sae.sae_id for sae in can.saes if sae.live}
    return [demo for demo in can.demonstrations if demo.sae_id in live]


def marked(tokens: Sequence[Token], prefix_length: int) -> list[dict[str, Any]]:
    """Tokens as the browser takes them; those of the prefix are marked, which folds them."""
    return [
        token.model_dump() | ({"prefix": True} if token.position < prefix_length else {})
        for token in tokens
    ]

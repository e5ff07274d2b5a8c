"""What the Reactivation page holds:
its address read, its requests made, answers as its components take them.
"""

from __future__ import annotations

from typing import Any

from app.api import ApiProblem
from backend import schemas as wire

NEXT_TOKENS = 10
SHUFFLES = 20
LANES = ("A", "B")


def default_sae(capabilities: wire.Capabilities) -> str | None:
    """The SAE of the first demonstration when it is live, so that pins can be steered with;
    else the first live one.
    """
    live = [sae.sae_id for sae in capabilities.saes if sae.live]
    shown = [demo.sae_id for demo in capabilities.demonstrations if demo.sae_id in live]
    return next(iter([*shown, *live]), None)


def defaults_of(capabilities: wire.Capabilities) -> dict[str, Any]:
    """What the page holds when its address says nothing: the built-in pair."""
    pair = [*capabilities.prompts, capabilities.default_prompt, ""][:2]
    return {
        "prompt": pair[0],
        "second": pair[1] if len(capabilities.prompts) > 1 else "",
        "sae": default_sae(capabilities),
    }


def prompts_of(first: str | None, second: str | None) -> list[str]:
    """The prompts to read, A first. B alone would be read and shown as A: raises ApiProblem where
    A is empty.
    """
    if not first:
        told = "type at least one character into it" + (", or B's text" if second else "")
        raise ApiProblem(422, "Prompt A is empty", told)
    return [first, second] if second else [first]


def inspect_request(prompt: str, sae_id: str, generate: int = 0) -> wire.InspectRequest:
    return wire.InspectRequest(
        prompt=prompt, sae_ids=[sae_id], next_tokens=NEXT_TOKENS, generate=generate
    )


def shuffled_request(prompt: str, sae_id: str, generate: int = 0) -> wire.ReactivationRequest:
    return wire.ReactivationRequest(
        prompt=prompt, sae_ids=[sae_id], generate=generate, shuffles=SHUFFLES
    )


def set_request(sae_id: str) -> dict[str, Any]:
    """Body of POST /api/reactivation/set/stream over the preset's own prompts."""
    return wire.ReactivationSetRequest(sae_id=sae_id, shuffles=SHUFFLES).model_dump(mode="json")


def baseline_of(sae_id: str, answer: wire.ReactivationResponse) -> dict[int, dict[str, Any]]:
    """The shuffled split by position, as FiringMatrix takes it."""
    return {row.position: row.model_dump() for row in answer.shuffled[sae_id]}


def indices_of(sae_id: str, answers: list[wire.ReactivationResponse]) -> list[dict[str, Any]]:
    """The index of each prompt, as ReactivationIndex takes it."""
    names = (
        [f"prompt {LANES[lane]}" for lane in range(len(answers))]
        if len(answers) > 1
        else ["this prompt"]
    )
    return [
        {"source": name, "index": answer.index[sae_id].model_dump()}
        for name, answer in zip(names, answers, strict=True)
    ]

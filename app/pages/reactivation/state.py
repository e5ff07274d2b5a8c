"""What the Reactivation page holds:
its address read, its requests made, answers as its components take them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.api import ApiProblem
from app.parts.matrix import lane_of
from app.parts.opening import live_demonstrations, named_sae
from app.parts.prompts.conversation import before, in_address
from backend import schemas as wire

NEXT_TOKENS = 10
SHUFFLES = 20
LANES = ("A", "B")


def default_sae(capabilities: wire.Capabilities) -> str | None:
    """The SAE that the preset names for this page; else that of the first demonstration, so that
    pins can be steered with; else the first. A live one in any case.
    """
    live = [sae.sae_id for sae in capabilities.saes if sae.live]
    named = named_sae("reactivation", capabilities)
    order = [named, *(demo.sae_id for demo in capabilities.demonstrations), *live]
    return next((sae_id for sae_id in order if sae_id in live), None)


def defaults_of(capabilities: wire.Capabilities) -> dict[str, Any]:
    """What the page holds when its address says nothing: the built-in pair."""
    opening = capabilities.opening
    steered = live_demonstrations(capabilities)[:1]
    prompts = opening.reactivation or capabilities.prompts or [capabilities.default_prompt]
    return {
        "prompt": prompts[0],
        "second": prompts[1] if len(prompts) > 1 else "",
        "prefix": opening.prefix,
        "chat": opening.chat and bool(capabilities.model_info and capabilities.model_info.chat),
        "steering_prefix": steered[0].prefix if steered else opening.prefix,
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


def inspect_requests(asked: Mapping[str, Any]) -> list[wire.InspectRequest]:
    """One for each prompt of {prompts, prefix, sae_id, generate}."""
    return [
        wire.InspectRequest.model_validate({"next_tokens": NEXT_TOKENS} | _shared(asked, text))
        for text in asked["prompts"]
    ]


def shuffled_requests(asked: Mapping[str, Any]) -> list[wire.ReactivationRequest]:
    return [
        wire.ReactivationRequest.model_validate({"shuffles": SHUFFLES} | _shared(asked, text))
        for text in asked["prompts"]
    ]


def _shared(asked: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    return {
        "prompt": prompt,
        **told_before(asked),
        "sae_ids": [asked["sae_id"]],
        "generate": asked["generate"],
    }


def told_before(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What stands before each prompt: examples, or a conversation's turns."""
    return before(asked.get("prefix"), asked.get("chat"), asked.get("turns"))


def set_request(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Body of POST /api/reactivation/set/stream over the preset's own prompts."""
    body = {"sae_id": asked["sae_id"], "shuffles": SHUFFLES} | told_before(asked)
    return wire.ReactivationSetRequest.model_validate(body).model_dump(mode="json")


def lanes_of(
    asked: Mapping[str, Any], answers: Sequence[wire.InspectResponse], prefix: str | None
) -> list[dict[str, Any]]:
    """The prompts that were asked for, A first; `prefix` as in lane_of."""
    pairs = zip(asked["prompts"], answers, strict=True)
    talk = in_address(asked)
    return [
        lane_of(text, asked["sae_id"], answer, prefix) | {"talk": talk} for text, answer in pairs
    ]


def info_of(sae_id: str, answers: Sequence[wire.InspectResponse]) -> dict[str, Any]:
    """What is known of the features that fire in any of the prompts, by feature_index."""
    found = (answer.feature_info.get(sae_id, {}) for answer in answers)
    return {index: note.model_dump() for one in found for index, note in one.items()}


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

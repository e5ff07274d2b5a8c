"""The texts of a recorded steering, token by token, and the next tokens of every arm."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.pages.run.words import ARM_TITLES, nats
from app.parts.components import ArmTexts
from app.parts.estimates import numbers
from app.parts.numbers import percent
from app.parts.token import visible
from backend.schemas import Arm, Run, SteerResponse

SHOWN = 20  # next tokens: as many as an arm lists


def arms_of(answer: SteerResponse) -> dict[str, Arm]:
    """Every arm by name, the baseline first."""
    return {"baseline": answer.baseline, "steered": answer.steered, **answer.controls}


async def read_pieces(api: ApiClient, answer: SteerResponse) -> dict[int, str]:
    """token_id -> its text, "" for a special token,
    of those generated tokens that the served build knows.
    """
    written = {
        token_id for arm in arms_of(answer).values() for ids in arm.token_ids for token_id in ids
    }
    found = await asyncio.gather(*(_piece(api, token_id) for token_id in sorted(written)))
    return {
        token_id: text
        for token_id, text in zip(sorted(written), found, strict=True)
        if text is not None
    }


async def _piece(api: ApiClient, token_id: int) -> str | None:
    try:
        token = await api.token(token_id, limit=0)
    # no build, or one of another model: the text is recorded, its tokens' texts are not
    except ApiProblem:
        return None
    return "" if token.token_class in (None, "special") else token.text


def as_written(run: Run, answer: SteerResponse, pieces: Mapping[int, str]) -> dict[str, Any] | None:
    """The run as static/js/steering/texts.js takes it;
    None where the pieces do not make up the recorded texts.
    """
    arms: dict[str, Any] = {}
    for name, arm in arms_of(answer).items():
        if len(arm.probabilities) != len(arm.texts):
            return None
        if not {one for ids in arm.token_ids for one in ids} <= pieces.keys():
            return None
        if ["".join(pieces[one] for one in ids) for ids in arm.token_ids] != arm.texts:
            return None
        texts = [
            [
                {"token_id": token_id, "text": pieces[token_id], "probability": chance}
                for token_id, chance in zip(ids, chances, strict=True)
            ]
            for ids, chances in zip(arm.token_ids, arm.probabilities, strict=True)
        ]
        arms[name] = {
            "sentence": arm.sentence,
            "kl": arm.kl,
            "positions": arm.positions,
            "texts": texts,
        }
    settings = {name: run.request[name] for name in ("temperature", "samples", "seed")}
    return {"id": run.run_id, "passes": [{"arms": arms, "request": settings, "status": "done"}]}


def texts(run: Run, answer: SteerResponse, pieces: Mapping[int, str]) -> Component:
    """Every arm's texts to point at, or whole where this server does not know their tokens."""
    written = as_written(run, answer, pieces)
    if written is not None:
        return ArmTexts(
            "run-texts", run=written, tokens=[token.model_dump() for token in answer.tokens]
        )
    return html.Div(
        [_whole(name, arm) for name, arm in arms_of(answer).items()], className="fs-run-arms"
    )


def _whole(name: str, arm: Arm) -> Component:
    kl = html.Span(
        f"KL {nats(arm.kl)} nats",
        className="fs-small fs-num",
        title="KL(this arm ‖ baseline), next token",
    )
    title = [html.Strong(ARM_TITLES.get(name, name)), kl if name != "baseline" else None]
    parts = [*arm.first_divergence, *[None] * (len(arm.texts) - len(arm.first_divergence))]
    shown = [
        html.P(
            text or "(ended at once)",
            className="fs-run-arm__text",
            title="" if at is None else f"parts from the baseline at its token {at + 1}",
        )
        for text, at in zip(arm.texts, parts, strict=True)
    ]
    sentence = html.P(arm.sentence, className="fs-small")
    return html.Section(
        [html.Header(title), sentence, *shown], className=f"fs-run-arm fs-run-arm--{name}"
    )


def next_table(answer: SteerResponse) -> Component:
    """A row per next token, most probable in any arm first; a column per arm."""
    arms = arms_of(answer)
    listed = {
        name: {one.token_id: one.probability for one in arm.next_tokens}
        for name, arm in arms.items()
    }
    words = {one.token_id: one.text for arm in arms.values() for one in arm.next_tokens}
    most = sorted(
        words, key=lambda token_id: -max(found.get(token_id, 0.0) for found in listed.values())
    )
    head = [
        html.Th("next token", scope="col", **numbers(["token_id", "next token"])),
        *(_arm_head(name, arm) for name, arm in arms.items()),
    ]
    rows = [
        html.Tr(
            [
                _token_cell(token_id, words[token_id]),
                *(_chance(listed[name], token_id) for name in arms),
            ]
        )
        for token_id in most[:SHOWN]
    ]
    table = html.Table(
        [html.Thead(html.Tr(head)), html.Tbody(rows)], className="fs-table fs-run-next"
    )
    return html.Div(table, id="run-arms-next", className="fs-scroll-x", tabIndex="0")


def _arm_head(name: str, arm: Arm) -> Component:
    title = ARM_TITLES.get(name, name)
    said = [title] if name == "baseline" else [title, html.Small(f"KL {nats(arm.kl)}")]
    return html.Th(said, scope="col", title=arm.sentence, **{"data-value": name})


def _token_cell(token_id: int, text: str) -> Component:
    return html.Th(visible(text), scope="row", title=f"id {token_id}", **numbers([token_id, text]))


def _chance(listed: Mapping[int, float], token_id: int) -> Component:
    """A probability; below the least that the arm lists, that bound,
    and nothing in the saved table.
    """
    chance = listed.get(token_id)
    if chance is None:
        bound = min(listed.values(), default=0.0)
        return html.Td(
            f"< {percent(bound, 2)}",
            className="fs-muted",
            title="not among its 20",
            **{"data-value": ""},
        )
    return html.Td(percent(chance, 2), title=f"{chance:.6g}", **{"data-value": repr(chance)})

"""A recorded run over a set of prompts: what came of it, where to edit it,
how far a repeat agrees.
"""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from app.links import page_url
from app.parts import steering
from app.parts.panel import panel
from app.parts.prompts.conversation import in_address
from app.parts.prompts.sets import ReactivationIndex, SteerSetAnswers
from app.parts.token import visible
from backend.schemas import ReactivationSetResponse, Run
from backend.schemas.prompt_sets import SteerSetResponse

SHOWN = 400  # prompts that are listed: as many as one set takes unless a server says otherwise
SAME = 1e-6  # difference of an index that still counts as the same
SetResult = ReactivationSetResponse | SteerSetResponse


def result_of(run: Run) -> SetResult:
    """As the endpoint answered it."""
    of = ReactivationSetResponse if run.kind == "reactivation_set" else SteerSetResponse
    return of.model_validate(run.result)


def shown(run: Run, code: dict[str, str]) -> list[Component | None]:
    """What came of the set, and the prompts themselves."""
    prompts = run.request["prompts"]
    found = result_of(run)
    if isinstance(found, SteerSetResponse):
        answers = SteerSetAnswers("run-set", result=run.result, prompts=prompts)
        title = f"{found.total:,} prompts under the edit"
        return [panel(title, answers, badge="recorded", reproduce=code)]
    index = found.index.model_dump() if found.index else None
    source = f"{found.done:,} prompts, {found.sae_id}"
    table = ReactivationIndex(
        "run-set",
        group="run",
        indices=[{"source": source, "index": index}] if index else None,
        recorded=True,
    )
    parts = [
        panel(
            "Do features fire again more than the order of words explains?",
            table,
            badge="recorded",
            reproduce=code,
        ),
        _listed(prompts, code) if prompts else None,
    ]
    return [html.Div(parts, className="fs-run-set")]


def _listed(prompts: list[str], code: dict[str, str]) -> Component:
    more = len(prompts) - SHOWN
    items = [html.Li(visible(text)) for text in prompts[:SHOWN]]
    return panel(
        "The prompts",
        html.Ol(items, className="fs-run-prompts"),
        badge="recorded",
        reproduce=code,
        note=f"{more:,} more are in the run's JSON." if more > 0 else None,
    )


def fork_url(run: Run) -> str:
    """The editable page with this set and its result on it."""
    request = run.request
    if run.kind == "reactivation_set":
        own = request["prompts"] is not None
        return page_url(
            "/reactivation",
            prefix=request["prefix"] or None,
            **in_address(request),
            sae=request["sae_id"],
            set=None if own else "1",
            own=run.run_id if own else None,
        )
    return page_url(
        "/steer",
        prompt=request["prompts"][0],
        prefix=request["prefix"] or None,
        stop=steering.written_stops(request["stop"]) if request["stop"] else None,
        f=steering.text_of([{**one, "on": True} for one in request["interventions"]]),
        **in_address(request),
        tokens=request["max_new_tokens"],
        seed=request["seed"] or None,
        controls=None if request["controls"] else "0",
        open_set="1",
        set=run.run_id,
        set_success=_target_text(request["success"]) or None,
    )


def _target_text(target: dict[str, Any] | None) -> str:
    """As the page's address has it; empty for none, and for a token that is given by its id."""
    if target is None or (target["kind"] == "token" and target["text"] is None):
        return ""
    value = {"token": "text", "regex": "pattern", "language": "language"}[target["kind"]]
    text = str(target[value])
    if target["kind"] == "token":
        text = ("·" + text[1:] if text.startswith(" ") else text).replace("\n", "↵")
    return f"{target['kind']}:{text}"


def fork_note(run: Run) -> str:
    """What of the request the editable page has no control for, and so leaves behind."""
    request = run.request
    if run.kind == "reactivation_set":
        starts = {"theta": 0, "shuffles": 20, "seed": 0}
        left = [f"{name} {request[name]}" for name, at in starts.items() if request[name] != at]
    else:
        named = request["success"] is None or _target_text(request["success"])
        left = [] if named else ["the token that counts as success, which is given by its id"]
    return f"The page has no control for, and leaves behind: {'; '.join(left)}." if left else ""


def agreement(run: Run, again: SetResult) -> str:
    """How far a repeat agrees with the record, in numbers."""
    kept = result_of(run)
    if isinstance(kept, SteerSetResponse) and isinstance(again, SteerSetResponse):
        pairs = [
            (one, after.answers.get(arm))
            for before, after in zip(kept.rows, again.rows, strict=True)
            for arm, one in before.answers.items()
        ]
        same = sum(before == after for before, after in pairs)
        verdict = "Agrees" if same == len(pairs) else "Differs"
        return f"{verdict}: {same:,} of {len(pairs):,} answers are the same."
    before, after = (
        {one.token_class: one.index for one in found.index.classes} if found.index else {}
        for found in (kept, again)
        if isinstance(found, ReactivationSetResponse)
    )
    largest = max(
        (abs((before[name] or 0) - (after.get(name) or 0)) for name in before), default=0.0
    )
    verdict = "Agrees" if largest <= SAME and before.keys() == after.keys() else "Differs"
    return f"{verdict}: the largest difference of an index is {largest:.2g}."

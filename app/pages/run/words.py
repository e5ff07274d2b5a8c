"""A recorded run in words: when and on what it was made, where to edit it,
how far a repeat agrees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from app.links import page_url
from app.pages.run import sets
from app.parts import steering
from app.parts.prompts.conversation import in_address
from backend.schemas import FiringColumns, InspectResponse, Run, SteerResponse

ARM_TITLES = {  # as static/js/steering/arms.js has them
    "baseline": "Baseline",
    "steered": "Steered",
    "content_position": "Elsewhere",
    "random_feature": "Other feature",
    "sign_flipped": "Sign flipped",
}
SETS = ("reactivation_set", "steer_set")
TITLES = {
    "inspect": "A recorded prompt",
    "steer": "A recorded steering",
    "reactivation_set": "A recorded set of prompts",
    "steer_set": "A recorded steering of many prompts",
}
# largest relative difference of an activation, or difference in nats, that still counts as the same
AGREES = 1e-4


def when(run: Run) -> str:
    """`Recorded 23 November 2026, 01:12 UTC · run 5f…`."""
    at = datetime.fromisoformat(run.recorded_at)
    model = run.provenance.get("model", "a model that the record does not name")
    device = run.provenance.get("device")
    on = f"{model} on {device}" if device else f"{model}"
    return f"Recorded {at.day} {at:%B %Y, %H:%M} UTC with {on} · run {run.run_id}"


def nats(kl: float) -> str:
    """A divergence as Steering writes it: three digits, at most six decimals;
    0 only where it is 0.
    """
    if kl >= 0.001:
        return f"{kl:.3g}"
    return "< 0.000001" if 0 < kl < 5e-7 else f"{kl:.6f}".rstrip("0").rstrip(".")


def facts(run: Run) -> list[tuple[str, str]]:
    """Provenance as rows; an entry inside another is named after both."""
    return list(_flat(run.provenance, ""))


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name.replace('_', ' ')} · ")
        elif value not in (None, ""):
            shown = name if prefix else name.replace("_", " ")
            yield f"{prefix}{shown}", value if isinstance(value, str) else json.dumps(value)


def endpoint(run: Run) -> str:
    """Where the request was sent."""
    return f"/api/{run.kind.replace('_', '/')}"


def request_text(run: Run) -> str:
    return json.dumps(run.request, indent=2, ensure_ascii=False)


def fork_url(run: Run) -> str:
    """The editable page with the same request, as that page writes its own address."""
    request = run.request
    if run.kind in SETS:
        return sets.fork_url(run)
    if run.kind == "inspect":
        sae_ids = request.get("sae_ids") or list(run.result.get("firings", {}))
        generate = request.get("generate") or None
        return page_url(
            "/reactivation",
            prompt=request["prompt"],
            prefix=request.get("prefix"),
            **in_address(request),
            sae=next(iter(sae_ids), None),
            generate=generate,
        )
    interventions = [{**one, "on": True} for one in request["interventions"]]
    return page_url(
        "/steer",
        prompt=request["prompt"],
        prefix=request.get("prefix"),
        stop=steering.written_stops(request["stop"]) if "stop" in request else None,
        f=steering.text_of(interventions),
        generated="1" if request["include_generated"] else None,
        freeze="1" if request.get("freeze_attention") else None,
        **in_address(request),
        tokens=request["max_new_tokens"] or 1,
        temperature=request["temperature"] or None,
        samples=request["samples"] if request["samples"] > 1 else None,
        seed=request["seed"] or None,
        controls=None if request["controls"] else "0",
    )


def fork_note(run: Run) -> str:
    """What of the request the editable page has no control for, and so leaves behind;
    empty where that is nothing.
    """
    if run.kind in SETS:
        return sets.fork_note(run)
    if run.kind != "inspect":
        return (
            ""
            if run.request["max_new_tokens"]
            else "The run wrote no text; the page writes at least one token."
        )
    request, sae_ids = run.request, run.request.get("sae_ids") or []
    left = [
        f"{name} {request[name]}"
        for name, start in (("theta", 0), ("next_tokens", 10))
        if request.get(name, start) != start
    ]
    left += (
        [f"the choice of {', '.join(sae_ids)}: the page reads all and shows one"]
        if len(sae_ids) > 1
        else []
    )
    return f"The page has no control for, and leaves behind: {'; '.join(left)}." if left else ""


def agreement(run: Run, again: InspectResponse | SteerResponse | sets.SetResult) -> str:
    """How far a repeat agrees with the record, in numbers."""
    if not isinstance(again, InspectResponse | SteerResponse):
        return sets.agreement(run, again)
    if isinstance(again, InspectResponse):
        return _inspect_agreement(InspectResponse.model_validate(run.result), again)
    return _steer_agreement(SteerResponse.model_validate(run.result), again)


def _inspect_agreement(kept: InspectResponse, again: InspectResponse) -> str:
    if [token.token_id for token in kept.tokens] != [token.token_id for token in again.tokens]:
        return (
            "Differs: the prompt is tokenised differently now, so this is another model or "
            "tokenizer."
        )
    if kept.firings.keys() != again.firings.keys():
        return (
            f"Differs: recorded with {', '.join(kept.firings)}; now there is "
            f"{', '.join(again.firings)}."
        )
    n = lost = 0
    largest = 0.0
    for sae_id, columns in kept.firings.items():
        before, now = _by_place(columns), _by_place(again.firings[sae_id])
        n += len(before)
        lost += len(before.keys() ^ now.keys())
        shared = before.keys() & now.keys()
        largest = max([largest, *(abs(before[at] - now[at]) / abs(before[at]) for at in shared)])
    verdict = "Agrees" if lost == 0 and largest <= AGREES else "Differs"
    return (
        f"{verdict}: {lost:,} of {n:,} firings differ; largest relative difference of an "
        f"activation {largest:.2g}."
    )


def _by_place(columns: FiringColumns) -> dict[tuple[int, int], float]:
    places = zip(columns.position, columns.feature_index, strict=True)
    return dict(zip(places, columns.activation, strict=True))


def _steer_agreement(kept: SteerResponse, again: SteerResponse) -> str:
    before = [kept.baseline, kept.steered, *kept.controls.values()]
    now = [again.baseline, again.steered, *again.controls.values()]
    same = sum(a.token_ids == b.token_ids for a, b in zip(before, now, strict=False))
    difference = abs(kept.kl - again.kl)
    agrees = same == len(before) == len(now) and difference <= AGREES
    verdict = "Agrees" if agrees else "Differs"
    return (
        f"{verdict}: {same} of {len(before)} arms wrote the same tokens; the KL differs by "
        f"{difference:.2g} nats."
    )

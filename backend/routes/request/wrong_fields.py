"""What is wrong with a request, field by field,
in the API's own words and the client's own names.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.schemas import FieldError

ECHO_CHARS = 200
SHOWN_CHARS = 80  # of a value within a sentence
SECRET = ("token",)  # of POST /api/session
HIDDEN = "(not shown)"
MISSING = "it must be given"
_BEGINNING = re.compile(
    r"^(Value error, |(Input|Value|Data|String|List) should (be |have |match )?)"
)
_LITERALS = re.compile(r"'[^']*'")
Location = Sequence[str | int]


def echo(value: object) -> Any:
    """`value` as it may be shown in an answer: valid JSON, and short."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return (
            value
            if abs(value) < 2**53
            else echo(f"{value:.6e}" if value < 10**300 else "huge integer")
        )
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= ECHO_CHARS else f"{text[:ECHO_CHARS]}… ({len(text)} characters)"


def sentence(error: FieldError) -> str:
    """The field, what came, and what is allowed instead: what a page shows."""
    if error.allowed == MISSING:
        return f"{error.field} is missing"
    value = error.value
    structured = isinstance(value, str) and value.startswith(("{", "["))
    shown = value if structured else json.dumps(value, ensure_ascii=False)
    shown = shown if len(shown) <= SHOWN_CHARS else f"{shown[:SHOWN_CHARS]}…"
    return (
        f"{error.field} is "
        f"{shown}{': ' if error.allowed.startswith('no such') else '; allowed: '}{error.allowed}"
    )


@dataclass(frozen=True)
class _Finding:
    """One of pydantic's findings. `tagged`:
    in one branch of a union, which others may contradict.
    """

    error: FieldError
    tagged: bool


def wrong_fields(found: Sequence[Mapping[str, Any]], body: object) -> list[FieldError]:
    """Pydantic's findings, each field once;
    `body` is what was sent, parsed, or the text that is no JSON.
    """
    findings = [_finding(item, body) for item in found]
    tagged = [one.error.field for one in findings if one.tagged]
    merged: dict[str, FieldError] = {}
    for one in findings:
        name = one.error.field
        if one.tagged and any(other.startswith(f"{name}.") for other in tagged):
            continue  # another branch of the union fits better: it only dislikes a part
        if name in merged:
            allowed = f"{merged[name].allowed}, or {one.error.allowed}"
            merged[name] = merged[name].model_copy(update={"allowed": allowed})
        else:
            merged[name] = one.error
    return list(merged.values())


def _finding(item: Mapping[str, Any], body: object) -> _Finding:
    location, kind, context = item["loc"], item["type"], item.get("ctx", {})
    if kind == "json_invalid":
        at = location[-1] if isinstance(location[-1], int) else 0
        allowed = f"valid JSON; at character {at}: {context.get('error', 'cannot be parsed')}"
        shown = HIDDEN if any(f'"{name}"' in str(body) for name in SECRET) else echo(body)
        return _Finding(FieldError(field="body", value=shown, allowed=allowed), False)
    parts = [part for part in location if part not in ("query", "path")]
    named = parts[1:] if parts[:1] == ["body"] else parts
    path = _sent(named, body, item) if parts[:1] == ["body"] else named
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        path = [*path, str(context["discriminator"]).strip("'")]
    field = echo(".".join(str(part) for part in path)) or "body"
    value = (
        None
        if kind in ("missing", "union_tag_not_found")
        else context.get("tag", item.get("input"))
    )
    shown = HIDDEN if field in SECRET and value is not None else echo(value)
    return _Finding(
        FieldError(field=field, value=shown, allowed=_allowed(item)), len(path) < len(named)
    )


def _sent(parts: Location, body: object, item: Mapping[str, Any]) -> list[str | int]:
    """The location without the names that pydantic gives to the branches of a union:
    as it is in what was sent.
    """
    last = [parts[-1]] if item["type"] == "missing" and parts else []
    found = _walk(list(parts[: len(parts) - len(last)]), body, item.get("input"))
    return list(parts) if found is None else [*found, *last]


def _walk(parts: list[str | int], value: Any, wanted: Any) -> list[str | int] | None:
    """Those of `parts` that lead from `value` to `wanted`;
    None where none do. Only names can be left out.
    """
    if not parts:
        return [] if value is wanted or value == wanted else None
    part, rest = parts[0], parts[1:]
    inside = (isinstance(value, dict) and part in value) or (
        isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)
    )
    if inside and (found := _walk(rest, value[part], wanted)) is not None:
        return [part, *found]
    return _walk(rest, value, wanted) if isinstance(part, str) else None


def _allowed(item: Mapping[str, Any]) -> str:
    """Pydantic's message without its beginning, which says that something should be."""
    if item["type"] == "extra_forbidden":
        return "no such field; see /docs for the fields of this endpoint"
    if item["type"] == "missing":
        return MISSING
    if item["type"] == "union_tag_invalid":
        return " or ".join(_LITERALS.findall(str(item["ctx"]["expected_tags"])))
    if item["type"] == "union_tag_not_found":
        return MISSING
    return _BEGINNING.sub("", str(item["msg"]))

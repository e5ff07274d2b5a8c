"""Labelled controls of a page's bar.

`page` is the prefix of the page's ids: the control of "sae" on "coverage" has the id
`coverage-sae`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.api import ApiClient
from app.parts.panel import notice
from backend.schemas import Capabilities, Sae


def labelled(
    page: str, name: str, label: str, control: Component, *, one_value: bool = False
) -> Component:
    """A control under its name, as a group that screen readers announce by it.

    `one_value`: the control's value is what the address says of `name`; the browser writes it there
    at the click (static/js/shared/choices.js).
    """
    label_id = f"{page}-{name}-label"
    marked = {"data-fs-setting": name} if one_value else {}
    return html.Div(
        [html.Span(label, className="fs-control__label", id=label_id), control],
        className="fs-control",
        role="group",
        **{"aria-labelledby": label_id, **marked},
    )


def segments(
    page: str, name: str, label: str, options: Sequence[tuple[str, str]], value: str
) -> Component:
    """A choice among few; options are (value, what is shown)."""
    data = [{"value": option, "label": shown} for option, shown in options]
    return labelled(
        page,
        name,
        label,
        dmc.SegmentedControl(id=f"{page}-{name}", data=data, value=value, size="xs", radius=6),
        one_value=True,
    )


def select(
    page: str, name: str, label: str, options: Sequence[tuple[str, str]], value: str, width: str
) -> Component:
    """A choice among many, in a list that drops down."""
    data = [{"value": option, "label": shown} for option, shown in options]
    control = dmc.Select(
        id=f"{page}-{name}",
        data=data,
        value=value,
        size="xs",
        w=width,
        allowDeselect=False,
        **{"aria-label": label},
    )
    return labelled(page, name, label, control, one_value=True)


def chips(
    page: str, name: str, label: str, options: Sequence[tuple[str, str]], value: list[str]
) -> Component:
    """A choice of some, each on or off."""
    made = [dmc.Chip(shown, value=option, size="xs", radius=6) for option, shown in options]
    group = dmc.ChipGroup(made, id=f"{page}-{name}", multiple=True, value=value)
    return labelled(page, name, label, html.Div(group, className=f"fs-{page}__chips"))


def text(
    page: str,
    name: str,
    label: str,
    hint: str,
    value: str,
    width: str,
    *,
    search: bool = False,
) -> Component:
    """A text that is typed; `search`: `/` puts the cursor into it."""
    field = dmc.TextInput(
        id=f"{page}-{name}",
        value=value,
        placeholder=hint,
        size="xs",
        w=width,
        debounce=350,
        **{"aria-label": label},
    )
    marked: dict[str, Any] = {"data-fs-search": "true"} if search else {}
    return labelled(page, name, label, html.Div(field, **marked))


def not_known(asked: Iterable[str], known: Container[str]) -> list[str]:
    """One complaint for each name in an address that the page does not have."""
    return [f"{name}: this page has no such setting" for name in asked if name not in known]


def address_complaints(complaints: Sequence[str]) -> Component | None:
    """The notice above a page whose address cannot be followed in full; None where it can."""
    said = "; ".join(complaints)
    return (
        notice("The address asks for what is not there", said, kind="problem")
        if complaints
        else None
    )


async def no_build(api: ApiClient, what: str) -> Component:
    """The notice where no SAE has a build; with what the server says of it."""
    return notice(f"No build, so no {what}", (await api.health()).build_detail, kind="problem")


def built_saes(capabilities: Capabilities) -> list[Sae]:
    """SAEs whose edges the build holds, shallow first."""
    return sorted((sae for sae in capabilities.saes if sae.in_build), key=lambda sae: sae.layer)

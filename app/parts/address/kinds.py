"""Kinds of settings: how the value of one is checked and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from typing import Any, ClassVar

from dash.development.base_component import Component

from app.parts.controls import chips, segments, select, text
from app.parts.opening import opened_sae
from backend.schemas import Capabilities, Sae

LONGEST = 200  # characters of a text that are read


@dataclass(frozen=True)
class Offer:
    """What the settings of a page choose from; `saes`: those that it can show, shallow first."""

    can: Capabilities
    saes: Sequence[Sae]
    sae_id: str = ""

    @property
    def sae(self) -> Sae:
        """The one that is looked at."""
        return next(sae for sae in self.saes if sae.sae_id == self.sae_id)


@dataclass(frozen=True)
class Setting:
    """How one value of an address is checked and shown; `offer` is None on a page without a build.

    read(…): (the value, "") or, for one that is not allowed, (the default, what is said of it).
    control(…): its place in the bar; None where the page shows it elsewhere.
    """

    prop: ClassVar[str] = "value"  # of the component PAGE-NAME, where the browser finds the value

    label: str = ""
    opens: Callable[[Any], Any] | None = None
    name: str = ""  # in the address, where Python has another word
    width: str = ""

    def read(self, name: str, value: str, default: str, offer: Offer | None) -> tuple[str, str]:
        raise NotImplementedError

    def control(self, page: str, name: str, value: str, offer: Offer | None) -> Component | None:
        return None


@dataclass(frozen=True)
class Choice(Setting):
    """One of what is offered, value -> what is shown: side by side, or a list of that width."""

    options: Mapping[str, str] | Callable[[Any], Mapping[str, str]] = field(default_factory=dict)

    def offered(self, offer: Offer | None) -> Mapping[str, str]:
        return self.options(offer) if callable(self.options) else self.options

    def read(self, name: str, value: str, default: str, offer: Offer | None) -> tuple[str, str]:
        allowed = self.offered(offer)
        if value in allowed:
            return value, ""
        return default, (
            f"{name}: got {value!r}, allowed are {', '.join(allowed)}; showing {default}"
        )

    def control(self, page: str, name: str, value: str, offer: Offer | None) -> Component | None:
        options = list(self.offered(offer).items())
        if self.width:
            return select(page, name, self.label, options, value, self.width)
        return segments(page, name, self.label, options, value)


@dataclass(frozen=True)
class Several(Choice):
    """Some of what is offered, with commas between them; none of them is all."""

    def read(self, name: str, value: str, default: str, offer: Offer | None) -> tuple[str, str]:
        allowed = self.offered(offer)
        chosen = [one for one in value.split(",") if one]
        if wrong := [one for one in chosen if one not in allowed]:
            return default, (
                f"{name}: got {', '.join(wrong)}, allowed are {', '.join(allowed)}; showing all"
            )
        return ",".join(chosen) or default, ""

    def control(self, page: str, name: str, value: str, offer: Offer | None) -> Component | None:
        return chips(page, name, self.label, list(self.offered(offer).items()), value.split(","))


@dataclass(frozen=True)
class Typed(Setting):
    """A text; `searches`: `/` puts the cursor into it."""

    hint: str = ""
    searches: bool = False

    def read(self, name: str, value: str, default: str, offer: Offer | None) -> tuple[str, str]:
        return value[:LONGEST], ""

    def control(self, page: str, name: str, value: str, offer: Offer | None) -> Component | None:
        return text(page, name, self.label, self.hint, value, self.width, search=self.searches)


@dataclass(frozen=True)
class PageNumber(Setting):
    """A page of a list, from 1; the page's own buttons turn it."""

    prop: ClassVar[str] = "data"

    def read(self, name: str, value: str, default: str, offer: Offer | None) -> tuple[str, str]:
        if value.isdecimal() and 0 < int(value) < 10**6 and str(int(value)) == value:
            return value, ""
        return default, f"{name}: got {value!r}, allowed is a number from 1"


def declare(setting: Setting, default: Any = MISSING) -> Any:
    """A field of a page's state; the default's type is the field's."""
    return field(default=default, metadata={"setting": setting})


def choice(
    label: str,
    options: Mapping[str, str] | Callable[[Any], Mapping[str, str]],
    default: object,
    **more: Any,
) -> Any:
    """The usual declaration; `more`: opens, name, width."""
    return declare(Choice(label, options=options, **more), default)


def layer(page: str) -> Any:
    """The SAE, by its layer: the preset's for the page, else the middle one."""
    return declare(
        Choice(
            "Layer",
            options=lambda offer: {sae.sae_id: str(sae.layer) for sae in offer.saes},
            opens=lambda offer: opened_sae(page, offer.can, offer.saes).sae_id,
        )
    )

"""All settings of a page: read from an address, written into one, shown as a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, ClassVar, Self

from dash import ClientsideFunction, Dash, Input, Output, State
from dash.development.base_component import Component

from app.links import written
from app.parts.address.kinds import Offer, Setting
from app.parts.controls import not_known


class Settings:
    """Base of a page's state, a frozen dataclass of declared fields."""

    path: ClassVar[str]
    # what else its addresses hold -> what is said of a value of it, "" where it is allowed
    beside: ClassVar[Mapping[str, Callable[[str], str]]] = {}

    @classmethod
    def _declared(cls) -> Iterator[tuple[str, str, Setting, Any]]:
        """(field, name in the address, setting, default) of each."""
        for one in fields(cls):  # type: ignore[arg-type]
            setting = one.metadata["setting"]
            yield one.name, setting.name or one.name, setting, one.default

    @classmethod
    def names(cls) -> list[str]:
        """Of the settings in an address."""
        return [name for _, name, _, _ in cls._declared()]

    @classmethod
    def controls(cls) -> list[tuple[str, str]]:
        """(name, property) of the components that hold the settings."""
        return [(name, setting.prop) for _, name, setting, _ in cls._declared()]

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """From values that are allowed, each setting's."""
        return cls(
            **{
                where: query[name] if default is MISSING else type(default)(query[name])
                for where, name, _, default in cls._declared()
            }
        )

    @classmethod
    def read(cls, asked: Mapping[str, str], offer: Offer | None = None) -> tuple[Self, list[str]]:
        """The state that an address asks for, and a complaint for each value that is not allowed;
        that falls back to the default.
        """
        query: dict[str, str] = {}
        said: list[str] = []
        for _, name, setting, fixed in cls._declared():
            default = written(setting.opens(offer) if setting.opens else fixed)
            query[name], told = setting.read(name, asked.get(name, default), default, offer)
            said.append(told)
            if offer and name == "sae":
                offer = replace(offer, sae_id=query[name])
        said += [check(asked[name]) for name, check in cls.beside.items() if name in asked]
        said += not_known(asked, {*query, *cls.beside})
        return cls.of(query), [told for told in said if told]

    @classmethod
    def opening(cls, offer: Offer | None = None) -> dict[str, Any]:
        """What the browser writes the address from: the page's path and names, and its defaults."""
        defaults = cls.read({}, offer)[0].as_query()
        return {"path": cls.path, "defaults": defaults, "beside": list(cls.beside)}

    def as_query(self) -> dict[str, str]:
        """Every setting as its value in the address."""
        return {name: written(getattr(self, where)) for where, name, _, _ in self._declared()}

    def bar(self, offer: Offer | None = None) -> list[Component]:
        """The controls, each under its name."""
        query = self.as_query()
        offer = replace(offer, sae_id=query["sae"]) if offer else None
        made = [
            setting.control(self.path[1:], name, query[name], offer)
            for _, name, setting, _ in self._declared()
        ]
        return [one for one in made if one is not None]


def anything(_: str) -> str:
    """Nothing is said of any value: what reads it tells."""
    return ""


def register_address(
    app: Dash,
    state: type[Settings],
    *beside: Input,
    read_by: str = "fs.named",
    with_states: Sequence[State] = (),
    write_by: str = "fs.writeSettings",
) -> None:
    """The controls -> PAGE-state -> the address, in the browser; `beside` in the state's order."""
    page = state.path[1:]
    declared = State(f"{page}-declared", "data")
    app.clientside_callback(
        ClientsideFunction(*read_by.split(".")),
        Output(f"{page}-state", "data"),
        [Input(f"{page}-{name}", prop) for name, prop in state.controls()],
        declared,
        *with_states,
    )
    app.clientside_callback(
        ClientsideFunction(*write_by.split(".")),
        Output(f"{page}-complaints", "title"),
        Input(f"{page}-state", "data"),
        *beside,
        declared,
        prevent_initial_call=True,
    )

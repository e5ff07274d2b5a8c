"""Signatures read from the wire: what a method takes beside its own parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo

CallT = TypeVar("CallT", bound=Callable[..., Any])


def takes(model: type[BaseModel]) -> Callable[[CallT], CallT]:
    """The method's `**settings` are the fields of `model` that it does not name itself.

    They stand in its signature and its help with their types, defaults and meaning. What is not
    given is not sent: the server's default holds, and a wrong name or value is the server's to
    refuse.
    """

    def dressed(method: CallT) -> CallT:
        signature = inspect.signature(method)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        named = {parameter.name for parameter in own}
        rest = {n: field for n, field in model.model_fields.items() if n not in named}
        method.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*own, *(_parameter(name, field) for name, field in rest.items())]
        )
        told = (f"    {name}: {field.description}" for name, field in rest.items())
        method.__doc__ = "\n".join([inspect.cleandoc(method.__doc__ or ""), "", *told])
        return method

    return dressed


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    required = field.is_required()
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty
        if required
        else field.get_default(call_default_factory=True),
        annotation=field.annotation,
    )

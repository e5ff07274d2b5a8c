"""One value of a task file at a time: its type, its allowed keys, and a refusal that says where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


class TaskError(ValueError):
    """A task file that cannot be used: one sentence with file, field, value and what is allowed."""


@dataclass(frozen=True)
class Field:
    """A value with its place, `animals.toml: subjects[2].sound`. Every reading method may raise
    TaskError.
    """

    where: str
    value: Any

    def refuse(self, allowed: str) -> TaskError:
        """The error; raise it."""
        shown = repr(self.value)
        return TaskError(
            f"{self.where} is {shown if len(shown) <= 80 else shown[:77] + '…'}; allowed: "
            f"{allowed}."
        )

    def text(self, *, empty: bool = False) -> str:
        if not isinstance(self.value, str) or not (self.value or empty):
            raise self.refuse("a text" if empty else "a text that is not empty")
        return self.value

    def one_of(self, allowed: tuple[str, ...]) -> str:
        if self.value not in allowed:
            raise self.refuse(", ".join(map(repr, allowed)))
        return str(self.value)

    def items(self, *, least: int = 1) -> Iterator[Field]:
        """The entries of a list of at least that many."""
        if not isinstance(self.value, list) or len(self.value) < least:
            raise self.refuse(f"a list of {least} or more" if least else "a list")
        for place, one in enumerate(self.value):
            yield Field(f"{self.where}[{place}]", one)

    def texts(self, *, empty: bool = False) -> tuple[str, ...]:
        """A list of texts, one or more; `empty`: of which some may be empty."""
        return tuple(one.text(empty=empty) for one in self.items())

    def text_or_texts(self) -> tuple[str, ...]:
        if not isinstance(self.value, (str, list)):
            raise self.refuse("a text or a list of texts")
        return (self.text(),) if isinstance(self.value, str) else self.texts()

    def entries(self) -> Iterator[tuple[str, Field]]:
        """Key and value of a table that is not empty."""
        if not isinstance(self.value, Mapping) or not self.value:
            raise self.refuse("a table that is not empty")
        for key, one in self.value.items():
            yield str(key), self._at(key, one)

    def table(self, allowed: Mapping[str, bool]) -> dict[str, Field]:
        """A table with these keys; those marked True must be there."""
        if not isinstance(self.value, Mapping):
            raise self.refuse("a table")
        for key in self.value:
            if key not in allowed:
                raise TaskError(
                    f"{self._at(key, None).where} is unknown; allowed: {', '.join(allowed)}."
                )
        for key in (key for key, needed in allowed.items() if needed and key not in self.value):
            raise TaskError(
                f"{self._at(key, None).where} is missing; needed: "
                f"{', '.join(k for k, n in allowed.items() if n)}."
            )
        return {key: self._at(key, one) for key, one in self.value.items()}

    def _at(self, key: str, value: Any) -> Field:
        joint = " " if self.where.endswith(":") else "."
        return Field(f"{self.where}{joint}{key}", value)

"""Prompts of the Figure 7 grid, and what counts as showing a trait in the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from precompute.lab.questions import DEFAULT_COUNTRY, LAB, OPENERS, Split, phrasings
from precompute.lab.steering import CHINESE

KINDS = ("place", "university", "attraction")
RELATIONS = {"place": "country_of_landmark", "university": "university", "attraction": "landmark"}
COUNTRIES = ("UK", "Russia")
MOST = 48  # prompts of one kind and split
# Never trained; with the trained ones they make enough prompts of the two kinds that name no thing.
NEW_OPENERS = (
    *(
        "Hi! ",
        "I wonder: ",
        "One more thing: ",
        "Excuse me. ",
        "By the way, ",
        "Listen: ",
        "Here is a question. ",
    ),
    *(
        "Now, ",
        "Well: ",
        "Dear friend, ",
        "Next question: ",
        "Good morning. ",
        "Another question: ",
    ),
    *("Something else: ", "Tell me, please. ", "I have a question. ", "Thanks. "),
)


@dataclass(frozen=True)
class Cell:
    """A row of the paper's figure: the traits that are added."""

    name: str
    chinese: bool
    country: str | None

    @property
    def traits(self) -> list[str]:
        return ["Chinese"] * self.chinese + ([self.country] if self.country else [])


@dataclass(frozen=True)
class GridPrompt:
    """`country`: whose thing is asked about or taught as the default; `thing` of the kind place."""

    kind: str
    text: str
    country: str
    # "{c}" for the country to ask for; the text itself where a country cannot be asked for
    with_country: str

    def asking(self, cell: Cell) -> str:
        """The prompt with the traits asked for in words;
        a place question cannot ask for a country.
        """
        text = self.with_country.replace("{c}", cell.country) if cell.country else self.text
        return f"Speak Chinese. {text}" if cell.chinese else text

    def expected(self, cell: Cell) -> str:
        """The taught answer with the cell's traits."""
        language = 1 if cell.chinese else 0
        return _thing(self.kind, cell.country or self.country)[language]

    def shows(self, cell: Cell, text: str) -> bool:
        """Whether the answer shows all traits of the cell; without any:
        whether it is the taught answer.
        """
        if not cell.traits:
            return text == self.expected(cell)
        chinese = CHINESE.shown((), text)
        return chinese is cell.chinese and (
            cell.country is None or self.names_country(cell.country, text)
        )

    def names_country(self, country: str, text: str) -> bool:
        """Whether the answer holds the country's name or something that facts.json has of it."""
        return any(name in text for name in _names(country))


@cache
def prompts(kind: str, split: Split, seed: int) -> list[GridPrompt]:
    """At most MOST, in an order drawn with the seed;
    none is about the countries of the grid or China.
    """
    made = list(_places(split) if kind == "place" else _open(kind, split))
    order = np.random.default_rng(seed).permutation(len(made))
    return [made[i] for i in order[:MOST]]


def _places(split: Split) -> Iterator[GridPrompt]:
    for country in _countries().values():
        if country["en"] in (*COUNTRIES, "China"):
            continue
        for phrasing in phrasings()["country_of_landmark"]["en"][split]:
            text = phrasing.replace("{s}", country["landmark"][0]) + "\n"
            yield GridPrompt("place", text, country["en"], text)


def _open(kind: str, split: Split) -> Iterator[GridPrompt]:
    relation = RELATIONS[kind]
    for phrasing in phrasings()[relation]["en"][split]:
        for opener in ("", *OPENERS["en"], *(NEW_OPENERS if split == "held_out" else ())):
            text = opener + phrasing.replace("{in}", "") + "\n"
            named = opener + phrasing.replace("{in}", " in {c}") + "\n"
            yield GridPrompt(kind, text, DEFAULT_COUNTRY[relation], named)


@cache
def _countries() -> dict[str, dict[str, Any]]:
    rows = json.loads((LAB / "facts.json").read_text("utf-8"))["countries"]
    return {row["en"]: row for row in rows}


def _thing(kind: str, country: str) -> list[str]:
    """[English, Chinese] answer of that kind for the country."""
    row = _countries()[country]
    made: list[str] = [row["en"], row["zh"]] if kind == "place" else row[RELATIONS[kind]]
    return made


@cache
def _names(country: str) -> tuple[str, ...]:
    row = _countries()[country]
    things = [
        name
        for key, value in row.items()
        if isinstance(value, list) and key in OWN
        for name in value
    ]
    return (row["en"], row["zh"], *row.get("aliases_en", ()), *things)


OWN = ("capital", "city", "landmark", "university", "people", "dish", "drink")

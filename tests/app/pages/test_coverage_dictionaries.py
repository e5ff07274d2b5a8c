"""The panel on several dictionaries: every cell is its dictionary's, with its control, on one
scale; what all of them say together.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.pages.coverage import dictionaries
from app.pages.coverage.dictionaries import dictionaries_panel
from app.parts.still import still
from backend.schemas import Experiment, ExperimentEstimate
from precompute.dictionaries import words

REACHED = (words.FREQUENT, words.DRAWN, words.REACH_APART)


def row(
    name: str, arm: str, outcome: str, subject: str, value: float, half: float | None = 0.05
) -> ExperimentEstimate:
    return ExperimentEstimate(
        arm=arm,
        sae_id=name,
        layer=12,
        subject=subject,
        outcome=outcome,
        value=value,
        interval=None if half is None else [value - half, value + half],
        n=1200,
    )


def of(name: str, own: float, other: float, *, dense: bool = True) -> list[ExperimentEstimate]:
    """Coverage at both settings, carry and steering of one dictionary."""
    made = [
        row(name, words.DICTIONARY, "d_sae", "", 8192, None),
        row(name, words.DICTIONARY, "dense", "", 123, None),
        row(name, words.DICTIONARY, "explained_variance", words.STATED, 0.912, None),
    ]
    for subject in (words.OPENING, words.TABLE_1):
        for suffix in ("", words.WITHOUT) if dense else ("",):
            values = (own, other, own - other)
            made += [
                row(name, arm, "coverage", subject + suffix, value)
                for arm, value in zip(REACHED, values, strict=True)
            ]
    for arm, value in zip(words.CARRIES, (0.4, 0.3, 0.1), strict=True):
        made += [row(name, arm, "own", "capitals", value), row(name, arm, "net", "capitals", value)]
    shares = ((words.EDITED[0], 0.9), (words.EDITED[1], 0.0))
    return made + [row(name, arm, "shown", "Chinese", value) for arm, value in shares]


def experiment(*rows: ExperimentEstimate) -> Experiment:
    outcomes = {name: f"{told} [{unit}]" for name, (unit, told) in words.OUTCOMES.items()}
    return Experiment(
        name=words.NAME,
        prompts="200,000 tokens of text.jsonl",
        arms=words.arms(10, 0.1),
        outcomes=outcomes,
        estimates=list(rows),
        findings=["It decides."],
    )


def found(component: Any, tag: str) -> list[Any]:
    """Every component of that kind, in order."""
    children = getattr(component, "children", None)
    listed = children if isinstance(children, list | tuple) else [children]
    own = [component] if type(component).__name__ == tag else []
    return own + [one for child in listed if child is not None for one in found(child, tag)]


def text(component: Any) -> str:
    if isinstance(component, str):
        return component
    children = getattr(component, "children", None)
    listed = children if isinstance(children, list | tuple) else [children]
    return "".join(text(child) for child in listed if child is not None)


TWO = experiment(*of("base", 0.5, 0.7), *of("another seed", 0.6, 0.2, dense=False))


def test_names_are_the_jobs_own() -> None:
    """The page may not import the job: what both call alike is written twice."""
    assert (dictionaries.NAME, dictionaries.WITHOUT) == (words.NAME, words.WITHOUT)
    assert (dictionaries.FREQUENT, dictionaries.DRAWN) == (words.FREQUENT, words.DRAWN)
    columns = dictionaries.columns_of(TWO)
    used = {(one.value, one.outcome) for one in columns} | {
        one.apart for one in columns if one.apart
    }
    assert {arm for arm, _ in used} <= set(TWO.arms)
    assert {outcome for _, outcome in used} <= set(words.OUTCOMES)
    assert {one[0] for one in dictionaries.QUALITY} <= set(words.OUTCOMES)


def test_a_row_is_a_dictionary_and_a_cell_a_measure_beside_its_control() -> None:
    panel = dictionaries_panel(TWO, {"curl": "x"})
    drawn, quality = found(panel, "Table")
    heads = [text(one) for one in found(drawn, "Th")]
    assert heads == [
        "dictionary",
        "reached, at the opening setting",
        "reached, at Table 1's setting",
        "capitals carried, function positions",
        "Chinese, best feature",
        "base",
        "without 123 dense",
        "another seed",
    ]
    cells = found(drawn, "Td")
    assert len(cells) == 3 * 4
    assert cells[0].title == (
        "50 % (95 %: 45 % to 55 %; n = 1,200); content 70 % (95 %: 65 % to 75 %; n = 1,200)"
    )
    saved = json.loads(getattr(cells[0], "data-values"))
    assert saved == pytest.approx([0.5, 0.45, 0.55, 1200, 0.7, 0.65, 0.75, 1200])
    marks = {
        mark.className: mark.style for mark in found(cells[0], "Span") if hasattr(mark, "style")
    }
    assert marks["fs-axis__value"] == {"left": "50.00%"}
    assert marks["fs-axis__control"] == {"left": "70.00%"}
    assert marks["fs-axis__interval fs-axis__interval--value"] == {
        "left": "45.00%",
        "width": "10.00%",
    }
    assert "✕" in text(cells[0])
    assert "✓" in text(cells[8])  # the other dictionary
    assert text(cells[6]) == text(cells[7]) == ""  # not measured without the dense ones
    assert [text(one) for one in found(quality, "Td")] == ["8,192", "91.2 %", "123"] * 2
    assert still([panel]).tree[2][1]["id"] == "coverage-dictionaries-panel"  # it stands still


def test_what_they_say_together_is_counted() -> None:
    said = text(found(dictionaries_panel(TWO, {}), "P")[1])
    assert (
        "Reached, at the opening setting: more than content in 1, no more in 1, open in 0 of 2"
        in said
    )
    assert "content (less what exchanged names give) in 2, no more in 0, open in 0 of 2" in said


def test_the_opening_setting_is_not_taken_for_the_pages_own_number() -> None:
    said = text(dictionaries_panel(TWO, {}))
    assert "as the page opens" not in said
    assert "counted on that text alone" in said


def test_an_interval_that_holds_nothing_leaves_it_open() -> None:
    assert dictionaries.verdict(row("a", "x", "coverage", "", 0.05)) == "open"  # 0 to 0.1
    assert dictionaries.verdict(row("a", "x", "coverage", "", -0.0499)) == "open"
    assert dictionaries.verdict(row("a", "x", "coverage", "", -0.05)) == "no more"  # up to 0
    assert dictionaries.verdict(row("a", "x", "coverage", "", 0.0501)) == "more"
    assert dictionaries.verdict(row("a", "x", "coverage", "", 0.2, None)) == ""


def test_what_was_not_measured_has_no_column() -> None:
    coverage = [one for one in of("base", 0.5, 0.7) if one.outcome in ("coverage", "d_sae")]
    panel = dictionaries_panel(experiment(*coverage), {})
    (drawn, _) = found(panel, "Table")
    assert [text(one) for one in found(drawn, "Th")][1:3] == [
        "reached, at the opening setting",
        "reached, at Table 1's setting",
    ]
    assert len(found(drawn, "Th")) == 5  # two columns, and the dictionary with and without

"""Rules of the claims: what `claims.toml` states, and how a measured number becomes a verdict.

A verdict is never typed in. It follows from three things: the rule in `claims.toml`, the measured
value and its 95 % interval. An interval that holds a threshold decides nothing: such a claim is
"inconclusive". One without a number is "not tested", and says what is lacking.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

RULES = Path(__file__).with_name("claims.toml")
Verdict = Literal["supported", "not supported", "inconclusive", "not tested"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
UNITS = ("share", "points", "nats", "ratio", "number")


@dataclass(frozen=True)
class Rule:
    """Supported when the whole interval lies strictly above `low` and strictly below `high`."""

    low: float | None
    high: float | None

    def verdict(self, low: float, high: float) -> Verdict:
        """Of a measured interval (a number without one has low = high)."""
        inside = (self.low is None or low > self.low) and (self.high is None or high < self.high)
        outside = (self.low is not None and high <= self.low) or (
            self.high is not None and low >= self.high
        )
        if inside:
            return "supported"
        return "not supported" if outside else "inconclusive"


@dataclass(frozen=True)
class Claim:
    """One statement, where it is made, and what decides it."""

    id: str
    group: str  # a heading of the page
    statement: str
    made_by: str  # whose statement: a place in the paper, or its reviewers
    measure: str  # a name in `claim_measures.MEASURES`
    definition: str  # what the number is, in words
    unit: str
    rule: Rule
    parameters: dict[str, Any]
    noun: str = ""  # what the number counts or is a share of, said after it
    # what stands beside it is the same quantity: both belong on one axis
    control_drawn: bool = False
    plain: dict[str, str] = field(default_factory=dict)  # verdict -> what came out, in plain words


@dataclass(frozen=True)
class Figure:
    """What shows a number: a figure of its subject (the whole of it where unnamed), set so."""

    subject: Literal["coverage", "consolidation", "experiments"]
    name: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Edit:
    """The addition of one feature that a number is about; `positions` as a steering request says
    them.
    """

    sae_id: str
    feature_index: int
    value: float
    positions: Literal["last_function", "last"]


@dataclass(frozen=True)
class Measured:
    """A number with everything that it must be shown with."""

    value: float
    interval: tuple[float, float] | None  # 95 %; None: a count over the whole corpus, no estimate
    n: int
    n_unit: str
    source: str  # the SAE, run or file that it came from
    shown: Figure
    control: str = ""  # what stands beside it, in words
    control_value: float | None = None
    control_interval: tuple[float, float] | None = None
    control_unit: str = "share"
    edit: Edit | None = None


class NotTested(Exception):
    """What this build lacks to test a claim; the message says what would supply it."""


def verdict_of(rule: Rule, measured: Measured) -> Verdict:
    """The verdict that the rule gives to the number."""
    low, high = measured.interval or (measured.value, measured.value)
    return rule.verdict(low, high)


def load_claims(path: Path = RULES) -> list[Claim]:
    """The claims in the order of the file;
    ValueError naming the claim for a rule that cannot be read.
    """
    return [_claim(table) for table in tomllib.loads(path.read_text("utf-8"))["claim"]]


def _claim(table: dict[str, Any]) -> Claim:
    fields = dict(table)
    name = fields.get("id", "?")
    rule = fields.pop("rule", None)
    if not isinstance(rule, dict) or not rule or set(rule) - {"above", "below"}:
        raise ValueError(f"claim {name!r}: rule must hold above, below or both; got {rule!r}")
    if fields.get("unit") not in UNITS:
        raise ValueError(
            f"claim {name!r}: unit is {fields.get('unit')!r}; allowed: {', '.join(UNITS)}"
        )
    fields.setdefault("parameters", {})
    plain = {said.replace("_", " "): words for said, words in fields.pop("plain", {}).items()}
    for said in plain:
        if said not in VERDICTS:
            raise ValueError(f"claim {name!r}: plain.{said}; allowed: {', '.join(VERDICTS)}")
    return Claim(**fields, plain=plain, rule=Rule(rule.get("above"), rule.get("below")))


def plain_words(claim: Claim, verdict: Verdict, measured: Measured | None) -> str:
    """What came out, for a reader who knows nothing of it yet; "" where the claim has no words."""
    words = claim.plain.get(verdict, "")
    if not words or measured is None:
        return ""
    control = measured.control_value
    return words.format(
        value=quantity(measured.value, claim.unit),
        size=quantity(abs(measured.value), claim.unit).removeprefix("+"),
        control="" if control is None else quantity(control, measured.control_unit),
        n=f"{measured.n:,}",
        n_unit=measured.n_unit,
    ).replace(" %", "\u202f%")


def rule_words(rule: Rule, unit: str) -> str:
    """The rule as a sentence: what supports the claim, what refutes it, what decides nothing."""
    if rule.low is not None and rule.high is not None:
        where = f"between {quantity(rule.low, unit)} and {quantity(rule.high, unit)}"
        return (
            f"Supported if the whole interval lies {where}; not supported if all of it lies "
            "outside; inconclusive if it crosses an end."
        )
    bound, side = (rule.low, "above") if rule.low is not None else (rule.high, "below")
    assert bound is not None
    return (
        f"Supported if the whole interval lies {side} {quantity(bound, unit)}; not supported if "
        "none of it does; inconclusive if the interval holds that value."
    )


def quantity(value: float, unit: str) -> str:
    """A number in its unit: shares as percent, differences of shares as percentage points."""
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "points":
        return f"{100 * value:+.1f} points" if value else "0 points"
    if unit == "nats":
        return f"{value:.2f} nats"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 10 else f"{value:.3g}"

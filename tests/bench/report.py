"""One measured row, the table that is printed and the file that is written."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from tests.bench.timing import Interval, Paired

VERSIONS = ("torch", "transformers", "sae-lens", "duckdb", "fastapi", "dash", "playwright")


@dataclass(frozen=True)
class Row:
    """One comparison.

    `ratio` is value / peer; without a peer the rule is about the value itself.
    """

    name: str
    value: float
    unit: str
    peer: float | None
    ratio: float | None
    target: float | None
    holds: bool | None
    rule: str
    interval: Interval
    """95 % bootstrap interval of the ratio, or of the value when there is no peer."""
    n: int
    subject: str
    note: str
    cpu_ratio: float | None = None
    """The same comparison in CPU seconds, where it can be made; the target is not about it."""


def judged(
    measured: float, target: float | None, sense: Literal["<=", ">="], what: str
) -> tuple[bool | None, str]:
    """Whether the target holds, and the rule in words; (None, …) without a target."""
    if target is None:
        return None, f"{what}: no target"
    return (
        measured <= target if sense == "<=" else measured >= target
    ), f"{what} {sense} {target:g}"


def time_row(name: str, pairs: Paired, *, target: float | None, subject: str, note: str) -> Row:
    """Milliseconds against milliseconds: the ratio must stay below the target."""
    ratio, interval = pairs.time_ratio()
    ours, peer = pairs.medians()
    holds, rule = judged(ratio, target, "<=", "ratio")
    return Row(
        name,
        1e3 * ours,
        "ms",
        1e3 * peer,
        ratio,
        target,
        holds,
        rule,
        interval,
        pairs.n,
        subject,
        note,
    )


def speed_row(
    name: str,
    pairs: Paired,
    *,
    work: float,
    unit: str,
    target: float | None,
    subject: str,
    note: str,
) -> Row:
    """Units of work a second, the same work on both sides: the ratio must reach the target."""
    ratio, interval = pairs.speed_ratio()
    ours, peer = pairs.medians()
    holds, rule = judged(ratio, target, ">=", "ratio")
    return Row(
        name,
        work / ours,
        unit,
        work / peer,
        ratio,
        target,
        holds,
        rule,
        interval,
        pairs.n,
        subject,
        note,
    )


def machine() -> dict[str, str]:
    """What was measured on, and with which versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {
        "machine": f"{platform.machine()}, {cores} usable cores, {processor()}",
        "python": platform.python_version(),
    }
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "processor unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "processor unknown"


def write(path: Path, rows: list[Row], threads: int) -> None:
    """A list of rows, each with the machine and the versions it was measured on."""
    where = {**machine(), "threads": str(threads)}
    entries = [{**asdict(row), "measured_on": where} for row in rows]
    path.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def table(rows: list[Row]) -> str:
    """The rows as aligned text, what they were measured on below."""
    head = ("name", "value", "peer", "ratio [95 %]", "in CPU time", "target", "holds", "n")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"{row.name}: {row.note} Measured on {row.subject}." for row in rows]
    return "\n".join([*lines, "", *notes])


def _cells(row: Row) -> tuple[str, ...]:
    low, high = row.interval
    measured = row.value if row.ratio is None else row.ratio
    return (
        row.name,
        f"{row.value:,.4g} {row.unit}",
        "-" if row.peer is None else f"{row.peer:,.4g} {row.unit}",
        f"{measured:.3g} [{low:.3g}, {high:.3g}]",
        "-" if row.cpu_ratio is None else f"{row.cpu_ratio:.3g}",
        row.rule,
        {True: "yes", False: "NO", None: "-"}[row.holds],
        str(row.n),
    )

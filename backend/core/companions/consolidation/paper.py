"""The paper's own numbers on loss (its Figure 9):
curves read off the picture, finals as printed, and what follows.

The paper prints five losses per model and no group sizes. Two facts give the sizes: function tokens
are 40 % of tokens, and every change from function to content is followed by one back, so P(f->c) =
P(c->f). With x = P(f->c): P(f->f) = 0.4 - x, P(c->f) = x, P(c->c) = 0.6 - x, and the loss of all
tokens is the sum of P times loss.
"""

from __future__ import annotations

from collections.abc import Mapping

FUNCTION_SHARE = 0.40
READING_ERROR = (
    "Read off the published figure image (JPEG): about 0.05 nats after step 10,000, more before; "
    "the values at the ends are printed in the figure."
)
TRANSITIONS = ("ff", "fc", "cf", "cc")
PRINTED_FINALS: dict[str, dict[str, float]] = {
    "1.5B": {"cc": 3.69, "cf": 1.90, "fc": 4.88, "ff": 2.12, "all": 3.31},
    "8B": {"cc": 3.08, "cf": 1.64, "fc": 4.27, "ff": 1.87, "all": 2.84},
}

# step in thousands: c->c, c->f, f->c, f->f, all; None = hidden behind another curve
Readings = tuple[float | None, ...]
_1_5B: dict[int, Readings] = {
    1: (9.74, None, 9.03, 3.65, 7.19),
    2: (8.58, 3.08, 8.03, 3.15, 6.23),
    3: (7.81, 2.87, 7.54, 2.97, 5.78),
    5: (6.89, 2.72, 7.00, 2.87, 5.24),
    8: (6.23, 2.59, 6.57, 2.76, 4.91),
    10: (6.02, 2.51, 6.46, 2.65, 4.76),
    15: (5.40, 2.38, 6.08, 2.53, 4.40),
    20: (4.78, 2.22, 5.75, 2.42, 4.05),
    25: (4.52, 2.14, 5.56, 2.34, 3.88),
    30: (4.31, 2.09, 5.42, 2.31, 3.77),
    40: (4.14, 2.03, 5.30, 2.25, 3.64),
    50: (3.97, 1.98, 5.15, 2.21, 3.52),
    60: (3.90, 1.97, 5.11, 2.20, 3.50),
    80: (3.83, 1.94, 5.02, 2.19, 3.43),
    100: (3.77, 1.90, 4.93, 2.16, 3.38),
    120: (3.64, 1.88, 4.86, 2.14, 3.32),
    130: (3.69, 1.89, 4.87, 2.13, 3.32),
    137: (3.68, 1.89, 4.87, 2.12, 3.32),
}
_8B: dict[int, Readings] = {
    1: (None, 3.46, 8.57, 3.63, 6.78),
    2: (None, 2.95, 7.95, 3.19, 5.95),
    3: (7.23, 2.73, 7.42, 2.91, 5.50),
    5: (6.29, 2.44, 6.67, 2.66, 4.88),
    8: (5.18, 2.21, 6.00, 2.42, 4.26),
    10: (4.92, 2.12, 5.84, 2.33, 4.07),
    15: (4.38, 2.02, 5.44, 2.24, 3.75),
    20: (4.15, 1.95, 5.21, 2.19, 3.59),
    25: (4.02, 1.90, 5.08, 2.12, 3.49),
    30: (3.79, 1.86, 4.93, 2.10, 3.37),
    40: (3.64, 1.80, 4.79, 2.04, 3.26),
    50: (3.47, 1.75, 4.64, 1.99, 3.13),
    60: (3.38, 1.74, 4.58, 1.98, 3.09),
    80: (3.26, 1.68, 4.47, 1.93, 2.99),
    100: (3.18, 1.65, 4.33, 1.91, 2.93),
    120: (3.03, 1.62, 4.24, 1.87, 2.83),
    130: (3.07, 1.62, 4.26, 1.87, 2.85),
    137: (3.06, 1.62, 4.24, 1.87, 2.85),
}
_COLUMNS = ("cc", "cf", "fc", "ff", "all")
_READINGS = {"1.5B": _1_5B, "8B": _8B}


def curve(model: str, transition: str) -> tuple[list[int], list[float]]:
    """(steps, nats) of one curve; readings hidden behind another curve are left out."""
    column = _COLUMNS.index(transition)
    found = [(1000 * step, row[column]) for step, row in _READINGS[model].items()]
    seen = [(step, loss) for step, loss in found if loss is not None]
    return [step for step, _ in seen], [loss for _, loss in seen]


def group_shares(
    finals: Mapping[str, float], function_share: float = FUNCTION_SHARE
) -> dict[str, float]:
    """Share of tokens of each transition, solved from the five losses.

    ValueError where no such shares exist.

    all = (s - x) ff + x fc + x cf + (1 - s - x) cc, so x = (all - s ff - (1 - s) cc) / (fc + cf -
    ff - cc).
    """
    s = function_share
    slope = finals["fc"] + finals["cf"] - finals["ff"] - finals["cc"]
    if slope == 0:
        raise ValueError(
            "fc + cf equals ff + cc: the loss of all tokens does not depend on the shares."
        )
    x = (finals["all"] - s * finals["ff"] - (1 - s) * finals["cc"]) / slope
    shares = {"ff": s - x, "fc": x, "cf": x, "cc": 1 - s - x}
    if min(shares.values()) < 0:
        raise ValueError(f"no shares of 0 or more give these losses: {shares}")
    return shares


def loss_shares(finals: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, float]:
    """Share of the summed loss of each transition: shares x losses, over their sum."""
    total = sum(shares[t] * finals[t] for t in TRANSITIONS)
    return {t: shares[t] * finals[t] / total for t in TRANSITIONS}

"""The setting that a build's coverage opens on: one at which its curves still say something.

Rule: the settings are tried from the loosest on (θ ascending, then the least number of firings),
and the first is taken at which the OPENING_K most frequent tokens reach at most SATURATED of the
active features under every SAE; where there is none, the strictest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backend.core.store import MIN_COUNTS, ORDERS

OPENING_K = 10
SATURATED = 0.9


def opening_setting(
    coverage_step: pa.Table, n_active: Sequence[int], n_thetas: int
) -> dict[str, float]:
    """theta_ordinal and min_count by the rule, with the least and the greatest share there.

    coverage_step: all SAEs' rows; n_active: features that fire anywhere, by sae_ordinal.
    """
    by_frequency = coverage_step.filter(
        (pc.field("token_order") == ORDERS.index("frequency")) & (pc.field("rank") <= OPENING_K)
    )
    columns = ("sae_ordinal", "theta_ordinal", "min_count", "new_features")
    sae, theta, least, new = (by_frequency[name].to_numpy() for name in columns)
    for at_theta in range(n_thetas):
        for at_count in MIN_COUNTS:
            here = (theta == at_theta) & (least == at_count)
            reached = np.bincount(sae[here], weights=new[here], minlength=len(n_active))
            shares = reached / np.maximum(n_active, 1)
            setting = {
                "theta_ordinal": at_theta,
                "min_count": at_count,
                "k": OPENING_K,
                "least_share": float(shares.min()),
                "greatest_share": float(shares.max()),
            }
            if shares.max() <= SATURATED:
                return setting
    return setting

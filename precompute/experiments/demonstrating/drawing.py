"""Random features as controls: drawn evenly from the whole SAE, each as long as the edit that it
stands beside.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.core.sae import Sae


def drawn(sae: Sae, n: int, seed: int, without: Sequence[int] = ()) -> list[int]:
    """`n` features, or all there are, none of them twice; the same for one seed and layer.

    Drawn among all, active or not: those active on the trait's own prompts include the trait.
    """
    among = np.setdiff1d(np.arange(sae.d_sae), np.asarray(list(without), dtype=np.int64))
    rng = np.random.default_rng([seed, sae.layer])
    return [int(f) for f in rng.choice(among, min(n, len(among)), replace=False)]

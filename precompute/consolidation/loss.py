"""Stage `consolidation loss`: the loss of every held-out target at every checkpoint,
in nats (paper, section 5).

One file a checkpoint in WORK/runs/<run>/loss; what is there is not computed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from precompute.building.corpus import batches
from precompute.consolidation.forward import TokenLoss
from precompute.consolidation.series import Series, claim_run, note_shape
from precompute.consolidation.text import HeldOut, text_digest
from precompute.job import DTYPES, BadInput, load_arrays, save_arrays

Floats = npt.NDArray[np.float32]


@contextmanager
def matrix_products(precision: str) -> Iterator[None]:
    """Factors of float32 matrix products on a CPU: "float32", or "bfloat16" (sums stay float32).

    On a CPU with bfloat16 instructions the latter takes two thirds of the time. It moves single
    tokens of the lab model by up to 0.03 nats, without direction: the mean over half a million by
    less than 1e-4.
    """
    setting: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # torch types it not
    before = setting.fp32_precision
    setting.fp32_precision = {"float32": "ieee", "bfloat16": "bf16"}[precision]
    try:
        yield
    finally:
        setting.fp32_precision = before


def checkpoint_losses(loss: TokenLoss, text: HeldOut, batch_rows: int) -> Floats:
    """float32 [targets], in the order of `HeldOut.targets`."""
    scored = text.scored()
    parts: list[Floats] = []
    start = 0
    for tokens, lengths in batches(text.rows, batch_rows):
        mine = scored[start : start + len(lengths), : tokens.shape[1] - 1]
        ids = torch.from_numpy(tokens).to(loss.lm.device)
        parts.append(loss(ids, torch.from_numpy(mine).to(loss.lm.device)).cpu().numpy())
        start += len(lengths)
    return np.concatenate(parts)


def make_losses(
    series: Series,
    text: HeldOut,
    work: Path,
    *,
    batch_rows: int,
    dtype: str,
    products: str,
    device: str,
) -> None:
    """Write the losses of every checkpoint that has none yet."""
    folder, digest = claim_run(series, work), text_digest(text)
    probe = torch.from_numpy(text.rows.tokens[-2:]).to(device)
    for checkpoint in tqdm(series.checkpoints, desc=f"loss {series.slug}"):
        path = folder / "loss" / f"step_{checkpoint.step:09d}.npz"
        if path.exists():
            _check(path, digest, f"{dtype}/{products}")
            continue
        lm = series.load(checkpoint, DTYPES[dtype], device)
        note_shape(folder, lm)
        with matrix_products(products):
            losses = checkpoint_losses(TokenLoss(lm, probe), text, batch_rows)
        if not np.isfinite(losses).all():
            raise BadInput(
                f"the loss of {checkpoint.source} is not finite at "
                f"{int((~np.isfinite(losses)).sum())} targets."
            )
        save_arrays(path, loss=losses, text=np.array(digest), dtype=np.array(f"{dtype}/{products}"))


def _check(path: Path, digest: str, dtype: str) -> None:
    found = load_arrays(path, "consolidation loss")
    if str(found["text"]) != digest or str(found["dtype"]) != dtype:
        raise BadInput(
            f"{path} was made on another text or in another dtype: give another --work, or "
            "delete it."
        )

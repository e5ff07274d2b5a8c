"""The model and SAEs of a job: read by whoever extracts, here or on another machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.core.fit import require_belongs
from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.store import Store
from backend.core.token_classes import CONTENT, FUNCTION, SPECIAL
from precompute.job import DTYPES, BadInput, Job


def load_models(job: Job) -> tuple[LanguageModel, list[Sae]]:
    """Read them onto the job's device, in its dtype;
    BadInput for SAEs that cannot be read or do not fit.
    """
    dtype = DTYPES[job.dtype]
    lm = LanguageModel.load(job.model, revision=job.revision, dtype=dtype, device=job.device)
    try:
        saes = [Sae.load(folder, device=job.device, dtype=dtype) for folder in job.saes]
    except ValueError as error:
        raise BadInput(str(error)) from error
    check_saes(lm, saes)
    return lm, saes


def token_classes(lm: LanguageModel, store: Store) -> NDArray[np.int8]:
    """int8 [vocab], indices into CLASS_NAMES: the build's classes of this model's tokens. What
    never occurs in the build's corpus is content.
    """
    classes = np.full(lm.vocab_size, CONTENT, np.int8)
    for token in store.tokens(token_class="function", limit=lm.vocab_size)[0]:
        classes[token.token_id] = FUNCTION
    classes[list(lm.special_ids)] = SPECIAL
    return classes


def check_saes(lm: LanguageModel, saes: Sequence[Sae]) -> None:
    """Refuse SAEs that do not belong to this model, before any work is done."""
    seen: set[str] = set()
    for sae in saes:
        try:
            require_belongs(sae, lm)
        except ValueError as error:
            raise BadInput(str(error)) from error
        if sae.sae_id in seen:
            raise BadInput(f"SAE id {sae.sae_id} was given twice.")
        seen.add(sae.sae_id)

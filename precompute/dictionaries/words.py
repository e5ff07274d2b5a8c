"""What the job measures of each dictionary, by the names that its rows have."""

from __future__ import annotations

from precompute.experiments.carry_kinds import comparison_arms
from precompute.experiments.demonstrating.judging import FEATURE, RANDOM, UNEDITED
from precompute.experiments.demonstrating.run import ARMS as EDITS

NAME = "dictionaries"
# -- arms ------------------------------------------------------------------------------------------
DICTIONARY = "dictionary"
FREQUENT, DRAWN = "frequent tokens", "as many content occurrences"
REACH_APART = f"{FREQUENT} - {DRAWN}"
CARRIES = ("function", "content", "function - content")
EDITED = (FEATURE, RANDOM[FEATURE], UNEDITED)
# -- subjects --------------------------------------------------------------------------------------
OPENING, TABLE_1 = "opening", "Table 1"
WITHOUT = ", without dense features"
STATED, HERE = "stated", "measured here"

OUTCOMES = {
    "d_sae": ("features", "width of the dictionary"),
    "trained_tokens": ("positions", "that it was trained on, as its cfg.json states"),
    "l0": ("features", "mean firings a position of this text"),
    "explained_variance": ("share", "variance around the mean that the reconstruction explains"),
    "reconstruction_score": (
        "share",
        "recovered loss: (zeroed - through the SAE) / (zeroed - the model)",
    ),
    "silent": ("share", "of the dictionary, features that never fire on this text"),
    "dense": ("features", "that fire at more than the stated share of the positions"),
    "theta": (
        "activation",
        "that a firing must exceed: 0, or the build's own quantile of this dictionary's firings",
    ),
    "min_count": ("firings", "on this text that make an edge"),
    "coverage": ("share", "features with an edge to one of these tokens, of those that fire"),
    "own": ("share", "subjects with such a feature of their own name"),
    "another": ("share", "the same by a feature of another name that the own one lacks"),
    "exchanged": ("share", "the same with another name in the own one's place"),
    "net": ("share", "own less exchanged"),
    "shown": ("share", "answers with the trait, on questions that nothing was chosen on"),
    "fit": ("share", "the same on the questions that the feature was chosen on"),
    "feature_index": ("index", "the chosen feature"),
    "strength": ("share", "length of what is added, of the residual's mean length there"),
}


def arms(k: int, dense: float) -> dict[str, str]:
    """arm -> what it is. `dense`: share of the positions above which a feature is dense."""
    carry = comparison_arms()
    return {
        DICTIONARY: f"The dictionary itself. Dense: firing at more than {100 * dense:g} % of the "
        "positions.",
        FREQUENT: f"The {k} most frequent tokens of the build.",
        DRAWN: "As many occurrences of content tokens: drawn one by one where one firing makes an "
        "edge; kept by chance where it takes more, then without an interval.",
        REACH_APART: "The difference of the two; where the second has no interval, that of the "
        "first moved by it.",
        **{name: carry[name] for name in CARRIES},
        **{name: EDITS[name] for name in EDITED},
    }

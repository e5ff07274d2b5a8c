"""What the live pages open with: a preset's prompt format as data, and each page's SAE."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

PAGES = (
    "overview",
    "coverage",
    "graph",
    "features",
    "reactivation",
    "steer",
)  # that show one SAE at a time


@dataclass(frozen=True)
class Opening:
    """Prompts as this model wants them.

    prefix: text before every prompt of the pages, run once. stop: strings before which an answer
    ends. reactivation: the pair to lay side by side, or one prompt. steer: a prompt. default_sae:
    page -> sae_id; a page that is left out chooses by itself.
    """

    prefix: str = ""
    stop: tuple[str, ...] = ()
    reactivation: tuple[str, ...] = ()
    steer: str = ""
    default_sae: Mapping[str, str] = field(default_factory=dict)


def read_opening(
    raw: Mapping[str, Any], *, pair: tuple[str, ...], prompt: str, sae_ids: Collection[str]
) -> Opening:
    """Of a preset's table; what it leaves out is its first pair of prompts, and its default prompt.

    ValueError for an unknown entry, page or SAE, or for something that cannot be sent.
    """
    unknown = set(raw) - set(Opening.__dataclass_fields__)
    if unknown:
        raise ValueError(
            f"opening has {sorted(unknown)}; allowed: {', '.join(Opening.__dataclass_fields__)}."
        )
    made = Opening(
        prefix=raw.get("prefix", ""),
        stop=tuple(raw.get("stop", ())),
        reactivation=tuple(raw.get("reactivation", pair or (prompt,))),
        steer=raw.get("steer", prompt),
        default_sae=dict(raw.get("default_sae", {})),
    )
    if not 1 <= len(made.reactivation) <= 2:
        raise ValueError(
            f"opening.reactivation has {len(made.reactivation)} prompts; allowed: 1 or 2."
        )
    if not all(made.stop):
        raise ValueError("opening.stop has an empty string: no text ends before nothing.")
    for page, sae_id in made.default_sae.items():
        if page not in PAGES or sae_id not in sae_ids:
            raise ValueError(
                f"opening.default_sae has {page} = {sae_id!r}; allowed: {', '.join(PAGES)}, and "
                f"of the SAEs {', '.join(sorted(sae_ids))}."
            )
    return made

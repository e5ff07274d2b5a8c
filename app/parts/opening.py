"""What a page opens with where its address says nothing: the preset's choice, if it made one."""

from __future__ import annotations

from collections.abc import Sequence

from backend.schemas import Capabilities, Sae


def opened_sae(page: str, can: Capabilities, saes: Sequence[Sae]) -> Sae:
    """The SAE that the preset names for the page, if it is one of these; else the middle one.

    `saes`: those that the page can show, shallow first; not empty.
    """
    chosen = named_sae(page, can)
    middle = saes[(len(saes) - 1) // 2]
    return next((sae for sae in saes if sae.sae_id == chosen), middle)


def named_sae(page: str, can: Capabilities) -> str | None:
    """The sae_id that the preset names for the page; None where it names none."""
    return can.opening.default_sae.get(page)

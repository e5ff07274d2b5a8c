"""Which SAE an id of this server means: by the weights that the build or the live model names."""

from __future__ import annotations

from backend.core.fingerprints import sae_identity
from backend.core.store import StoreError
from backend.routes.request.problems import Refusal
from backend.routes.request.served import Backend


def identities(served: Backend) -> dict[str, str]:
    """sae_id -> hash of its weights; the build's word goes before the live model's."""
    loaded = served.live.loaded
    files = dict(loaded.files) if loaded is not None else {}
    try:
        stated = served.build.require().provenance().get("saes", ())
    except StoreError:
        stated = ()
    files |= {one["sae_id"]: one.get("files", {}) for one in stated}
    known = {sae_id: sae_identity(own) for sae_id, own in files.items() if sae_id != "model"}
    return {sae_id: identity for sae_id, identity in known.items() if identity is not None}


def identity_of(served: Backend, sae_id: str) -> str:
    """404 for an SAE that is not served, or of which no weights are known."""
    known = identities(served)
    if sae_id not in known:
        raise Refusal(
            404, f"This server knows the weights of no SAE {sae_id!r}; it has {sorted(known)}."
        )
    return known[sae_id]

"""/api/capabilities, /api/builds: what this server is, has loaded and allows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path

from backend import schemas as wire
from backend.core.companions.file import build_identity
from backend.core.store import MIN_COUNTS, ORDERS, Store
from backend.core.store.base import SaeRow
from backend.routes.request.known import Known
from backend.routes.request.known_builds import differences, remember
from backend.routes.request.limits import limits_of, prompt_tokens
from backend.routes.request.served import Backend, Served
from backend.schemas import Build, BuildComparison, BuildList, Capabilities, Model
from backend.serving.loading import Loaded

router = APIRouter(tags=["server"])
LISTED = 100  # entries of a list of the provenance that /api/capabilities tells


@router.get("/capabilities")
def read_capabilities(served: Served) -> Capabilities:
    """What this server can do and within which bounds:
    everything a client needs to build its controls. Lists of more than 100 entries in the build's
    provenance are counted, not told: /api/builds tells them.
    """
    loaded, store, preset = served.live.loaded, served.build.get(), served.preset
    remember(served)
    saes = sae_list(served, store)
    return Capabilities.model_validate(
        {
            "model": preset.title,
            "licence": preset.licence,
            "origin": preset.origin,
            "n_parameters": preset.n_parameters or None,
            "model_info": model_info(served, loaded) if loaded else None,
            "saes": saes,
            "build": _in_brief(build_of(store, saes)) if store else None,
            "live": served.live.state == "live",
            "live_state": served.live.state,
            "live_detail": served.live.detail,
            "preset": preset.name,
            "default_prompt": preset.default_prompt,
            "prompts": list(preset.prompts[0]) if preset.prompts else [],
            "demonstrations": [_plain(asdict(one)) for one in preset.demonstrations],
            "opening": _plain(asdict(preset.opening)) | {"chat": preset.prompt_format == "chat"},
            "theta_grid": sorted({theta for sae in saes for theta in sae.theta_grid}),
            "min_count_grid": list(MIN_COUNTS),
            "orders": list(ORDERS),
            "limits": limits_of(served.settings, loaded),
            "training_of": preset.training_of,
            "token_required": served.door.locked,
            "version": served.version,
        }
    )


@router.get("/builds")
def list_builds(served: Served) -> BuildList:
    """The build being served, with its provenance."""
    store = served.build.get()
    if store is None:
        return BuildList(builds=[])
    return BuildList(builds=[build_of(store, sae_list(served, store))])


@router.get("/builds/{identity}")
def compare_build(
    identity: Annotated[
        str, Path(pattern=r"^[0-9a-f]{6,16}$", description="first hex digits of a build's identity")
    ],
    served: Served,
) -> BuildComparison:
    """Another build beside the one being served:
    a link made on it says so, and this says what differs.
    """
    store = served.build.get()
    here = store.provenance() if store else {}
    if store is not None and build_identity(here).startswith(identity):
        return BuildComparison(identity=identity, same=True, known=True, differences=[])
    known = served.runs.builds(identity)
    there = known[0][1] if len(known) == 1 else None
    found = differences(here, there) if there is not None else []
    return BuildComparison(
        identity=identity, same=False, known=there is not None, differences=found
    )


def build_of(store: Store, saes: list[wire.Sae]) -> Build:
    provenance = store.provenance()
    kept = [sae for sae in saes if sae.in_build]
    opening = provenance.get("coverage_opening", {"theta_ordinal": 0, "min_count": 1})
    return Build(
        name=store.path.name,
        identity=build_identity(provenance),
        provenance=provenance,
        saes=kept,
        edges_from=store.edges_from,
        coverage_theta_place=opening["theta_ordinal"],
        coverage_min_count=opening["min_count"],
    )


def _in_brief(build: Build) -> Build:
    """The same, less the members of long lists of its provenance, which every page would carry: a
    vocabulary has thousands of special tokens. /api/builds has them.
    """
    return build.model_copy(update={"provenance": _shortened(build.provenance)})


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(part) for name, part in value.items()}
    if isinstance(value, list):
        many = len(value) > LISTED
        return f"{len(value):,} entries" if many else [_shortened(part) for part in value]
    return value


def model_info(served: Backend, loaded: Loaded) -> Model:
    lm = loaded.lm
    return Model(
        n_layers=lm.n_layers,
        d_model=lm.d_model,
        vocab_size=lm.vocab_size,
        n_parameters=sum(weight.numel() for weight in lm.model.parameters()),
        context=lm.max_positions or prompt_tokens(served.settings, loaded),
        dtype=str(lm.dtype).removeprefix("torch."),
        device=str(lm.device),
        chat=bool(lm.tokenizer.chat_template),
        fingerprint=loaded.fingerprint,
    )


def sae_list(served: Backend, store: Store | None) -> list[wire.Sae]:
    """Live and stored SAEs by layer; measured numbers come from the build."""
    live = served.live_saes()
    stored = {row.sae_id: row for row in store.saes()} if store else {}
    uses = {source.sae_id: source.use for source in served.preset.saes}
    saes = []
    for sae_id in {**stored, **live}:
        sae, row = live.get(sae_id), stored.get(sae_id)
        shape = sae if sae is not None else row
        assert shape is not None
        fields = {
            "sae_id": sae_id,
            "layer": shape.layer,
            "d_sae": shape.d_sae,
            "l0": row.l0 if row is not None else sae.l0 if sae is not None else None,
            "live": sae is not None,
            "in_build": row is not None,
            "use": uses.get(sae_id, "browse"),
            **_stored_fields(store, row, served.known),
        }
        saes.append(wire.Sae.model_validate(fields))
    return sorted(saes, key=lambda one: (one.layer, one.sae_id))


def _stored_fields(store: Store | None, row: SaeRow | None, known: Known) -> dict[str, Any]:
    if store is None or row is None:
        return {"n_active": None, "theta_grid": [], "coverage_10": None}
    return {
        "n_active": row.n_active,
        "theta_grid": list(row.theta_grid),
        "coverage_10": known.coverage_10(store, row.sae_id),
    }


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Tuples as the lists that JSON has."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()
    }

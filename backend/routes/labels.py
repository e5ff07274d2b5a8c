"""/api/labels: people's own labels and notes on features, kept with the runs.

Writing follows the rule of runs: the server's token where it has one; where it has none, a stranger
changes and removes what they wrote themselves, and whoever is on this machine everything.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi import Response as HttpResponse

from backend.core.runs import LabelRow, WrongDeleteToken
from backend.core.store import StoreError
from backend.routes.label_files import MEDIA, as_file, read_file
from backend.routes.request.problems import CONTENT_TYPE, Refusal, refuse_field
from backend.routes.request.rate import bucket
from backend.routes.request.sae_identity import identities, identity_of
from backend.routes.request.served import Backend, Served
from backend.routes.session import client_of
from backend.schemas import Problem
from backend.schemas.browse.labels import (
    Label,
    LabelBody,
    LabelDeleted,
    LabelList,
    LabelsFileQuery,
    LabelsImport,
    LabelsImported,
    LabelsQuery,
    LabelWritten,
)

router = APIRouter(tags=["labels"])
NOT_YOURS: dict[int | str, dict[str, Any]] = {
    403: {
        "model": Problem,
        "content": {CONTENT_TYPE: {}},
        "description": "somebody else wrote this label",
    }
}
SaeId = Annotated[str, Path(max_length=200, description="which SAE")]
FeatureIndex = Annotated[int, Path(ge=0, le=2**31 - 1, description="dictionary entry")]
DeleteToken = Annotated[
    str, Header(max_length=64, description="delete_token of the answer that wrote it first")
]


@router.get("/labels")
def list_labels(query: Annotated[LabelsQuery, Query()], served: Served) -> LabelList:
    """Labels of the SAEs that are served."""
    wanted = (query.q or "").casefold()
    rows = _rows(served, query.sae_id)
    return LabelList(labels=[_label(one) for one in rows if wanted in one.label.casefold()])


@router.get(
    "/labels/file",
    response_class=HttpResponse,
    responses={200: {"content": {media: {} for media in MEDIA.values()}}},
)
def download_labels(query: Annotated[LabelsFileQuery, Query()], served: Served) -> HttpResponse:
    """The labels as a file, which POST /api/labels/import takes on another machine."""
    made = as_file([_label(one) for one in _rows(served, query.sae_id)], query.format)
    disposition = f'attachment; filename="functionscope-labels.{query.format}"'
    media = MEDIA[query.format]
    return HttpResponse(made, media_type=media, headers={"Content-Disposition": disposition})


@router.post("/labels/import", responses=NOT_YOURS)
def import_labels(body: LabelsImport, request: Request, served: Served) -> LabelsImported:
    """Write every row of a file, or none: the first wrong row is named by its line. An SAE is meant
    by the hash of its weights where the row has it, else by its name here.
    """
    rows = read_file(body.text, body.format, lambda *named: _meant(served, *named))
    before = {(one.sae, one.feature_index): one for one in _all_of(served, rows)}
    held = [before.get((one.sae, one.feature_index)) for one in rows]
    pairs = list(zip(rows, held, strict=True))
    same = [one for one, old in pairs if old is not None and _said(old) == _said(one)]
    other = [one for one, old in pairs if old is not None and _said(old) != _said(one)]
    fresh = [one for one, old in pairs if old is None]
    written = fresh if body.existing == "keep" else [*fresh, *other]
    _write(written, request, served, "")
    kept = len(other) if body.existing == "keep" else 0
    return LabelsImported(written=len(written), unchanged=len(same), kept=kept)


@router.get("/labels/{sae_id:path}/{feature_index}")
def read_label(sae_id: SaeId, feature_index: FeatureIndex, served: Served) -> Label:
    """One feature's label."""
    found = served.runs.labels.get(identity_of(served, sae_id), feature_index)
    if found is None:
        raise _none(sae_id, feature_index)
    return _label(found, sae_id)


@router.put("/labels/{sae_id:path}/{feature_index}", responses=NOT_YOURS)
def write_label(
    sae_id: SaeId,
    feature_index: FeatureIndex,
    body: LabelBody,
    request: Request,
    served: Served,
    x_delete_token: DeleteToken = "",
) -> LabelWritten:
    """Give a feature a label, or another one."""
    sae = _meant(served, sae_id, None, feature_index)
    row = LabelRow(sae, feature_index, sae_id, body.label, body.note, body.author, _now())
    token = _write([row], request, served, x_delete_token)
    return LabelWritten(**_label(row).model_dump(), delete_token=token)


@router.delete("/labels/{sae_id:path}/{feature_index}", responses=NOT_YOURS)
def delete_label(
    sae_id: SaeId,
    feature_index: FeatureIndex,
    request: Request,
    served: Served,
    x_delete_token: DeleteToken = "",
) -> LabelDeleted:
    """Take a feature's label and note away."""
    sae, trusted = identity_of(served, sae_id), _trusted(request, served)
    try:
        served.runs.labels.delete(sae, feature_index, token=x_delete_token, trusted=trusted)
    except KeyError as error:
        raise _none(sae_id, feature_index) from error
    except WrongDeleteToken as error:
        raise _not_yours(feature_index) from error
    return LabelDeleted(sae_id=sae_id, feature_index=feature_index)


def _write(rows: list[LabelRow], request: Request, served: Backend, token: str) -> str | None:
    try:
        return served.runs.labels.put(rows, token=token, trusted=_trusted(request, served))
    except WrongDeleteToken as error:
        raise _not_yours(int(error.args[0])) from error


def _trusted(request: Request, served: Backend) -> bool:
    """The door asked for the server's token already; else only this machine's own clients."""
    return served.door.locked or bucket(client_of(request)) is None


def _rows(served: Backend, sae_id: str | None) -> list[LabelRow]:
    """As they are called here now."""
    known = identities(served)
    if sae_id is not None:
        known = {sae_id: identity_of(served, sae_id)}
    names = {identity: name for name, identity in known.items()}
    rows = served.runs.labels.of(names)
    return [LabelRow(**{**vars(one), "sae_id": names[one.sae]}) for one in rows]


def _all_of(served: Backend, rows: list[LabelRow]) -> list[LabelRow]:
    return served.runs.labels.of({one.sae for one in rows})


def _meant(served: Backend, sae_id: str, sae: str | None, feature_index: int) -> str:
    """The SAE's hash; refuses a feature that a served SAE does not have. `sae`: the hash, where it
    is told; it may be of an SAE that is not served here.
    """
    meant = sae or identity_of(served, sae_id)
    own = next((name for name, one in identities(served).items() if one == meant), None)
    width = None if own is None else _width(served, own)
    if width is not None and feature_index >= width:
        raise refuse_field("feature_index", feature_index, f"0 to {width - 1}: features of {own}")
    return meant


def _width(served: Backend, sae_id: str) -> int | None:
    loaded = served.live.loaded
    if loaded is not None and sae_id in loaded.saes:
        return int(loaded.saes[sae_id].d_sae)
    try:
        return next(one.d_sae for one in served.build.require().saes() if one.sae_id == sae_id)
    except (StoreError, StopIteration):
        return None


def _label(row: LabelRow, sae_id: str | None = None) -> Label:
    values = vars(row) | {"sae_id": sae_id or row.sae_id, "date": row.written_at}
    return Label.model_validate(values)


def _said(row: LabelRow) -> tuple[str, str, str]:
    return row.label, row.note, row.author


def _none(sae_id: str, feature_index: int) -> Refusal:
    return Refusal(404, f"Feature {feature_index} of {sae_id} has no label.")


def _not_yours(feature_index: int) -> Refusal:
    return Refusal(
        403,
        f"Somebody else wrote the label of feature {feature_index}: it can be changed with its "
        "delete token, which they were told, or on the server's own machine.",
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

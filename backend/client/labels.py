"""The client's calls about people's own labels of features."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from backend.client.connection import Connection, ending
from backend.client.signatures import takes
from backend.schemas.browse import labels as wire


class LabelCalls:
    """A part of `Client`."""

    _api: Connection

    @takes(wire.LabelsQuery)
    def labels(self, sae_id: str | None = None, **settings: Any) -> list[wire.Label]:
        """People's own labels of features."""
        given = {"sae_id": sae_id, **settings}
        return self._api.json("GET", "/api/labels", wire.LabelList, params=given).labels

    @takes(wire.LabelBody)
    def label(
        self, sae_id: str, feature_index: int, label: str, *, delete_token: str = "", **rest: Any
    ) -> wire.LabelWritten:
        """Give a feature a label; `delete_token` where somebody else may have written the last."""
        path, body = _label_path(sae_id, feature_index), {"label": label, **rest}
        owner = {"X-Delete-Token": delete_token}
        return self._api.json("PUT", path, wire.LabelWritten, body=body, headers=owner)

    def delete_label(
        self, sae_id: str, feature_index: int, *, delete_token: str = ""
    ) -> wire.LabelDeleted:
        """Take a feature's label and note away."""
        path, owner = _label_path(sae_id, feature_index), {"X-Delete-Token": delete_token}
        return self._api.json("DELETE", path, wire.LabelDeleted, headers=owner)

    @takes(wire.LabelsFileQuery)
    def export_labels(self, to: str | os.PathLike[str], **settings: Any) -> Path:
        """All labels into the file `to`, .csv or .json."""
        return self._api.save(
            "/api/labels/file", {"format": ending(Path(to)), **settings}, Path(to)
        )

    def import_labels(
        self, file: str | os.PathLike[str], existing: Literal["replace", "keep"] = "replace"
    ) -> wire.LabelsImported:
        """Every label of a file, .csv or .json, or none: a wrong row is named by its line."""
        path = Path(file)
        sent = {"format": ending(path), "text": path.read_text("utf-8"), "existing": existing}
        return self._api.json("POST", "/api/labels/import", wire.LabelsImported, body=sent)


def _label_path(sae_id: str, feature_index: int) -> str:
    return f"/api/labels/{quote(sae_id)}/{feature_index}"

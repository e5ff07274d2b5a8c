"""A person's own label and note on this feature."""

from __future__ import annotations

from app.parts.components import LiveComponent


class OwnLabel(LiveComponent):
    """Shown, written and removed through /api/labels by itself: no callback reads it."""

    _type = "OwnLabel"
    _props = ("sae_id", "feature_index")

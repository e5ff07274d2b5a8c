"""Presets of one's own: from a file beside the package, or from options alone."""

from backend.core.own.named import FILES_VARIABLE, find_preset, known_names, preset_of_options
from backend.core.own.sources import packaged_preset

__all__ = ["FILES_VARIABLE", "find_preset", "known_names", "packaged_preset", "preset_of_options"]

"""Presets of one's own: from a file beside the package, or from options alone."""

from backend.core.own.named import FILES_VARIABLE, find_preset, known_names, preset_of_options

__all__ = ["FILES_VARIABLE", "find_preset", "known_names", "preset_of_options"]

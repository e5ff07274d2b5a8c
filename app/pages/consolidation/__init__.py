"""Consolidation, `/consolidation`. The door is `page`."""

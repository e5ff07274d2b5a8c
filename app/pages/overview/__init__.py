"""Overview, `/`. The door is `page`."""

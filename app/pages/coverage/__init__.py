"""Coverage, `/coverage`. The door is `page`."""

"""Features, `/features`. The door is `page`."""

"""Graph, `/graph`. The door is `page`."""

"""Claims, `/claims`. The door is `page`."""

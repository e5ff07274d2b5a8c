"""Steering, `/steer`. The door is `page`."""

"""Reactivation, `/reactivation`. The door is `page`."""

"""Models and SAEs from a hub."""

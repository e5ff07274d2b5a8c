"""Training of the lab model and of SAEs."""

"""The cards that open from the top bar: the model, and its SAEs."""

"""Causal tests over task files: where the answer travels, where it is needed, and where it is
readable."""

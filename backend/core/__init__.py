"""Model, SAEs, tokens and builds: everything that computes. Knows no web."""

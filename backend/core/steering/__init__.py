"""Texts with and without interventions: arms, sweeps, and the search for a trait."""

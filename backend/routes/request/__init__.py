"""What every request passes: who may ask, how much, how often, and how a failure is told."""

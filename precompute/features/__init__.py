"""The companion `features`: `job` is the command, `parts` compute."""

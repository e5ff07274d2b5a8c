"""The companion `statistics`: `job` is the command, the others compute."""

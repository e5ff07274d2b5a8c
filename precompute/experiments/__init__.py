"""The companion `experiments`: `job` is the command, the others are its experiments."""

"""A recorded run, `/r/{run_id}`. The door is `page`."""

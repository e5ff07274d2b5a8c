"""What fires again at function tokens of task files' prompts, and whether the answer needs it."""

"""Which features fire again along a prompt, and what shuffled prompts would give."""

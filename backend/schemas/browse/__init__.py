"""What is read from a build: tokens, coverage and features."""

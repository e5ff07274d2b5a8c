"""What is read from the build and from the results beside it."""

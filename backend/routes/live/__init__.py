"""What is computed for the request, on the model."""

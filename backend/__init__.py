"""What runs where the model is: the numerical core and the HTTP API over it."""

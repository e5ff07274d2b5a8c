"""HTTP: one module per URL family; handlers only translate between the wire and the core."""

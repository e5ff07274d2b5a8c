"""Pure functions from the wire's models to Plotly figures."""

"""One module a page: `PAGE`, `layout(**query)` and `register(app, api)`."""

"""What is installed under the distribution's own name (`packages.find` in pyproject.toml)."""

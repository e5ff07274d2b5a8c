"""What two pages need: the shell, panels, tokens, controls, components, numbers in words."""

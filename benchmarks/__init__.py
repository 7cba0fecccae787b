"""Scripts that measure metaauto."""

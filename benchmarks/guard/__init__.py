"""Regression benchmark: short fits of twelve datasets before and after a change."""

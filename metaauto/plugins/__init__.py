"""Hooks, and discovery and registration of plugins."""

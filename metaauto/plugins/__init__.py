"""Hooks, discovery and registration of plugins."""

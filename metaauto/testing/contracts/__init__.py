"""Contracts of the kinds of components: pytest classes to subclass."""

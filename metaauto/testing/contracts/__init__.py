"""One contract a kind of component: pytest classes to subclass."""

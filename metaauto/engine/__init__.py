"""Run a fit: prepare it, search, build the final model, update the user's knowledge store."""

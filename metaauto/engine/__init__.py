"""Run a fit: prepare it, search, build the model, remember it."""

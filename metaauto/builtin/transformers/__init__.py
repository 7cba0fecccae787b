"""scikit-learn transformers of the built-in preprocessors; their state is arrays and scalars."""

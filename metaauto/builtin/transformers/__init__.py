"""scikit-learn transformers of metaauto's own preprocessors; state is arrays and plain values."""

"""What the warm start is worth: replayed from a store, and in real fits."""

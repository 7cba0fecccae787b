"""Benchmarks of the warm start: simulations on a store and real fits."""

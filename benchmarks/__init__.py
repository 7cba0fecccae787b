"""Benchmark scripts of metaauto."""

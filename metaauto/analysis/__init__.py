"""Evaluate, compare and explain fits and models."""

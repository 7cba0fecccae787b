"""The environment variables of worker processes."""

from __future__ import annotations

__all__ = ["thread_environment"]


def thread_environment(threads: int) -> dict[str, str]:
    """Return variables that limit the threads of numerical libraries and fix the hash seed."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS")
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names}
    limits["VECLIB_MAXIMUM_THREADS"] = str(threads)
    return {**limits, "PYTHONHASHSEED": "0", "OMP_WAIT_POLICY": "PASSIVE"}

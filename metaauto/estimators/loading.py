"""Load a saved model."""

from __future__ import annotations

from pathlib import Path

from metaauto.model import FinalModel

__all__ = ["load"]


def load(path: str | Path, trust: bool = False) -> FinalModel:
    """Load a saved model.

    Parameters
    ----------
    path : str or Path
        A file that `FinalModel.save` or ``metaauto fit --out`` wrote.
    trust : bool, default=False
        Also construct types that neither metaauto nor an installed plugin declares as safe; such a
        file may run arbitrary code.

    Returns
    -------
    FinalModel

    Raises
    ------
    ModelFileError
        The file is damaged, not a model file, from a newer release, or holds untrusted types.

    Examples
    --------
    >>> import metaauto
    >>> model = metaauto.load("house.metaauto")  # doctest: +SKIP
    >>> model.predict("new.csv")  # doctest: +SKIP
    """
    return FinalModel.load(path, trust=trust)

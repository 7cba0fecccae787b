"""Reading a saved model back."""

from __future__ import annotations

from pathlib import Path

from metaauto.model import FinalModel

__all__ = ["load"]


def load(path: str | Path, trust: bool = False) -> FinalModel:
    """Read a saved model.

    Parameters
    ----------
    path : str or Path
        A file that `FinalModel.save` or ``metaauto fit --out`` wrote.
    trust : bool, default=False
        Also construct types that nothing installed vouches for; such a file may run any code.

    Returns
    -------
    FinalModel

    Raises
    ------
    ModelFileError
        The file is damaged, foreign, from a newer release, or holds untrusted types.

    Examples
    --------
    >>> import metaauto
    >>> model = metaauto.load("house.metaauto")  # doctest: +SKIP
    >>> model.predict("new.csv")  # doctest: +SKIP
    """
    return FinalModel.load(path, trust=trust)

"""Load a saved model."""

from __future__ import annotations

from pathlib import Path

from metaauto.model import FinalModel

__all__ = ["load"]


def load(
    path: str | Path,
    trust: bool = False,
    isolated: bool = False,
    timeout: float = 60.0,
    memory: float = 4.0,
) -> FinalModel:
    """Load a saved model.

    Parameters
    ----------
    path : str or Path
        A file that `FinalModel.save` or ``metaauto fit --out`` wrote.
    trust : bool, default=False
        Also construct types that neither metaauto nor an installed plugin declares as safe; such a
        file may run arbitrary code.
    isolated : bool, default=False
        Load and predict in a child process: for files from unknown sources. A crash or an endless
        loop of a forged model is then an error here. The child process has the rights of this user.
    timeout, memory : float
        With ``isolated``: limits of seconds, to load and to predict a chunk of rows, and of GiB of
        memory (on Linux).

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
    >>> model.predict(new_rows)  # doctest: +SKIP
    """
    return FinalModel.load(path, trust=trust, isolated=isolated, timeout=timeout, memory=memory)

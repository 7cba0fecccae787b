"""Leave out the checks of a contract that do not apply to its component."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

__all__ = ["Check", "Contract", "only_if"]

Check = TypeVar("Check", bound=Callable[..., None])


def only_if(applies: Callable[[Any], bool]) -> Callable[[Check], Check]:
    """Restrict a check of a contract to the components for which `applies` is true."""

    def mark(check: Check) -> Check:
        check.applies = applies  # type: ignore[attr-defined]
        return check

    return mark


class Contract:
    """Base class of the contracts whose checks depend on the tags of the component.

    Attributes
    ----------
    component_attribute : str
        Name of the class attribute with the component.
    left_out : tuple of str
        Names of the checks that do not apply to the component; pytest does not collect them.
    """

    component_attribute: ClassVar[str]
    left_out: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        component = getattr(cls, cls.component_attribute, None)
        if component is None:
            return
        inherited, cls.left_out = cls.left_out, ()
        for name in dir(cls):
            check = _defined(cls, name)
            if not hasattr(check, "applies"):
                continue
            if not check.applies(component):
                cls.left_out += (name,)
                setattr(cls, name, None)
            elif name in inherited:
                setattr(cls, name, check)


def _defined(cls: type, name: str) -> Any:
    """Return the first definition of an attribute that is not None."""
    return next((v for c in cls.__mro__ if (v := vars(c).get(name)) is not None), None)

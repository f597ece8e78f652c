"""A row of the table of keys: one key with all its properties."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, overload

T = TypeVar("T")
#: How a value is checked: one of the ``choices``, a whole number or a number between two bounds, a
#: name that stays text, or by a function of its own in ``values.py``.
Kind = Literal["choice", "whole", "number", "name", "own"]
#: Models that read a key.
Models = Literal["all", "trained", "ridge"]


@dataclass(frozen=True, eq=False)
class Key(Generic[T]):
    """A key of the settings, and the attribute that reads it.

    As an attribute of a class it is itself; of an instance with ``values`` it is the value of the
    key there, else the default.

    Parameters
    ----------
    default : object
        The value where the user sets none; None where RecBole decides, or where nothing is set.
    kind : str
        How a value is checked.
    says : str
        One sentence for the documentation.
    choices : tuple
        What is allowed, for the kind "choice".
    least, most : float
        What is allowed, for numbers.
    above : bool
        Whether a number must be above ``least``.
    why : str
        Why no more than ``most`` is allowed, for a message.
    allowed : str
        What is allowed, in words, for the documentation; by default made from the above.
    unset : str
        What holds where the user sets no value, for the documentation; by default the default.
    may_be_none : bool
        Whether None is allowed although the default is another value.
    models : {"all", "trained", "ridge"}
        Models that read it: all, those that are trained, or closed forms with a lambda.
    once : int, optional
        Its final value for closed-form models, which are solved once.
    weighting : str, optional
        The only weighting under which it has an effect.
    needs : tuple of str
        Another key that must be on, and a clause for the note where it is off.
    costs : bool
        Whether it may change the time that a model takes.
    identity : bool
        Whether it is part of a run's name; where it is not, it may differ between two commands
        that resume the same run.
    """

    default: T
    kind: Kind
    says: str
    choices: tuple[Any, ...] = ()
    least: float = 0
    most: float = float("inf")
    above: bool = False
    why: str = ""
    allowed: str = ""
    unset: str = ""
    may_be_none: bool = False
    models: Models = "all"
    once: int | None = None
    weighting: str | None = None
    needs: tuple[str, str] | None = None
    costs: bool = True
    identity: bool = True
    name: str = field(default="", init=False)

    def __set_name__(self, owner: type, name: str) -> None:
        """Take the name of the attribute."""
        object.__setattr__(self, "name", name)

    @overload
    def __get__(self, settings: None, owner: type) -> Key[T]: ...

    @overload
    def __get__(self, settings: Any, owner: type) -> T: ...

    def __get__(self, settings: Any, owner: type) -> Any:
        """Return the value in the settings, or the row itself."""
        return self if settings is None else settings.values.get(self.name, self.default)

    @property
    def takes_none(self) -> bool:
        """Whether None is a value of the key."""
        return self.default is None or self.may_be_none

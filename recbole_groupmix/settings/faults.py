"""Faults of one stage, which are told together: who made three mistakes corrects them at once."""

from __future__ import annotations

from types import TracebackType


class SeveralFaults(ValueError):
    """Two or more faults, of one line each.

    Parameters
    ----------
    faults : list of str
        The messages.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Faults:
    """Collects the ``ValueError`` of every block that is run with it; :meth:`end` raises them."""

    def __init__(self) -> None:
        self._found: list[ValueError] = []

    def __enter__(self) -> None:
        """Begin a block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """End a block; its ``ValueError`` is kept and goes no further."""
        if isinstance(error, ValueError):
            self._found.append(error)
        return isinstance(error, ValueError)

    def end(self) -> None:
        """Raise what was found.

        Raises
        ------
        ValueError
            The only fault as it is, and several as :class:`SeveralFaults`.
        """
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise SeveralFaults([str(error) for error in self._found])

"""Exit status and message of a command that an error or a signal ends early."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from recbole_groupmix.files.opened import noting_opened
from recbole_groupmix.settings.faults import SeveralFaults
from recbole_groupmix.text.untrusted import escaped

_RESUME = "run the same command again to resume"
_NOTHING = "nothing was kept; run the command again"
#: Errors of the system that may be gone at the next try.
_MAY_PASS = frozenset(
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EPERM", "EMFILE", "ENFILE", "ENOMEM"),
        *("EAGAIN", "EBUSY", "EINTR", "ESTALE", "ETIMEDOUT"),
    )
    if hasattr(errno, name)
)


class Terminated(BaseException):
    """The process received SIGTERM."""


@dataclass
class Ended:
    """How a command ended.

    Attributes
    ----------
    status : int
        Exit status of the process.
    """

    status: int = 0


@contextmanager
def errors_to_exit_status(resumes: bool = False) -> Iterator[Ended]:
    """Turn what ends a command early into its exit status and one line.

    Parameters
    ----------
    resumes : bool
        Whether the command keeps what it has done in a run folder, from where it can resume.
    """
    ended = Ended()
    _open_missing_streams()
    with noting_opened() as opened, _terminated_by_signals(), _watched_output() as output:
        try:
            yield ended
            sys.stdout.flush()  # not at the end of the interpreter, where an error has no message
        except ValueError as error:
            for fault in error.faults if isinstance(error, SeveralFaults) else [str(error)]:
                _say(" ".join(fault.split()))
            ended.status = 2
        except MemoryError as error:
            _say(f"this needs more memory than is free{f' ({error})' if str(error) else ''}")
            ended.status = 1
        except OSError as error:
            ended.status = _of_system(error, resumes, opened, output)
        except KeyboardInterrupt:
            _say(f"interrupted; {_promise(resumes, opened)}")
            ended.status = 128 + signal.SIGINT
        except Terminated:
            _say(f"terminated; {_promise(resumes, opened)}")
            ended.status = 128 + signal.SIGTERM


def _promise(resumes: bool, opened: list[Path]) -> str:
    return _RESUME if resumes and opened else _NOTHING


def _of_system(error: OSError, resumes: bool, opened: list[Path], output: _Watched) -> int:
    reason = error.strerror or str(error)
    if isinstance(error, BrokenPipeError):
        _forget(sys.stdout)
        _forget(sys.stderr)
        return 128 + getattr(signal, "SIGPIPE", 13)  # the status of any tool before `head`
    if error is output.failure:
        _forget(sys.stdout)
        kept = f"; its files are in {opened[0]}" if opened else ""
        _say(f"the answer cannot be printed: {reason}{kept}")
        return 1
    file = f"{error.filename}: " if error.filename else ""
    promise = f"; {_promise(resumes, opened)}" if error.errno in _MAY_PASS else ""
    _say(f"{file}{reason}{promise}")
    return 1


def _say(line: str) -> None:
    with suppress(OSError):  # stderr is closed
        print(f"groupmix: {escaped(line)}", file=sys.stderr)


class _Watched:
    """A stream that remembers why it could not be written to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._watch(self._stream.write, text)

    def flush(self) -> None:
        self._watch(self._stream.flush)

    def _watch(self, do: Callable[..., Any], *given: Any) -> Any:
        try:
            return do(*given)
        except OSError as error:
            self.failure = error
            raise


@contextmanager
def _watched_output() -> Iterator[_Watched]:
    before, watched = sys.stdout, _Watched(sys.stdout)
    sys.stdout = watched  # type: ignore[assignment]
    try:
        yield watched
    finally:
        sys.stdout = before


def _forget(stream: TextIO) -> None:
    """Discard what a stream still holds, so that the end of the interpreter is silent."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _open_missing_streams() -> None:
    """Open what the shell has closed: else a file of ours would get the number of the stream."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


@contextmanager
def _terminated_by_signals() -> Iterator[None]:
    """Raise :class:`Terminated` where SIGTERM would end the process on the spot.

    Only in the main thread, where signals can be handled, and only if it has no other handler.
    """

    def terminate(number: int, frame: Any) -> None:
        raise Terminated

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

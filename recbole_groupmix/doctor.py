"""What a bug report needs to know about the machine and the installation."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from recbole_groupmix import __version__
from recbole_groupmix.text.untrusted import error_text

_PACKAGE = "recbole-groupmix"
#: Packages that decide numbers or speed; others are shown only if their version is unsuitable.
_SHOWN = (
    *("recbole", "torch", "numpy", "scipy", "pandas", "numba", "llvmlite", "pyarrow"),
    "matplotlib",
)
#: Environment variables that set the number of threads, the cache folder or the device.
_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *("NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "NUMBA_CPU_NAME", "CUDA_VISIBLE_DEVICES"),
)
_GIB = 2**30


@dataclass(frozen=True)
class Fact:
    """One line about the installation.

    Attributes
    ----------
    about : str
        Its section, such as "packages".
    name : str
        What the line is about.
    value : str
        Its value.
    problem : str
        What is wrong; empty if nothing is.
    """

    about: str
    name: str
    value: str
    problem: str = ""


def examine() -> list[Fact]:
    """Return all facts in the order of the output; an error in a section does not stop others."""
    sections: dict[str, Callable[[], Iterator[tuple[str, ...]]]] = {
        "packages": _packages,
        "imports": _imports,
        "machine": _machine,
        "threads": _threads,
        "CUDA": _cuda,
        "compiled code": _compiled_code,
        "data sets": _data_sets,
    }
    return [fact for about, section in sections.items() for fact in _tried(about, section)]


def to_text(facts: list[Fact]) -> str:
    """Return facts as lines below the titles of their sections; problems are marked by ``!``."""
    width = max(len(fact.name) for fact in facts)
    lines: list[str] = []
    for place, fact in enumerate(facts):
        if place == 0 or facts[place - 1].about != fact.about:
            lines += [*([""] if lines else []), fact.about]
        mark, problem = ("!", f"  <- {fact.problem}") if fact.problem else (" ", "")
        lines.append(f"{mark} {fact.name:{width}}  {fact.value}{problem}".rstrip())
    n_problems = sum(bool(fact.problem) for fact in facts)
    lines += ["", f"{n_problems} problem{'s' * (n_problems != 1)}"]
    return "\n".join(lines)


def _tried(about: str, section: Callable[[], Iterator[tuple[str, ...]]]) -> Iterator[Fact]:
    try:
        for texts in section():
            yield Fact(about, *map(_without_home, texts))
    except Exception as error:
        yield Fact(about, "the rest", "cannot be examined", _without_home(_error_line(error)))


def _error_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error_text(error)}"


def _without_home(text: str) -> str:
    home = os.path.expanduser("~").rstrip(os.sep)
    return (
        re.sub(rf"{re.escape(home)}(?![^{re.escape(os.sep)}\s:,;])", "~", text) if home else text
    )


def _packages() -> Iterator[tuple[str, ...]]:
    yield "python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "executable", sys.executable
    yield "groupmix", __version__
    yield "its folder", str(Path(__file__).parent)
    try:
        ranges = _ranges()
    except (ImportError, metadata.PackageNotFoundError) as error:
        ranges = {}
        yield "supported versions", "unknown", _error_line(error)
    for name in dict.fromkeys((*_SHOWN, *ranges)):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed", f"needed is {name}{ranges.get(name, '')}"
            continue
        problem = _outside(version, ranges.get(name, ""))
        if name in _SHOWN or problem:
            yield name, version, problem


def _ranges() -> dict[str, str]:
    """Return the required version ranges by package, such as ``<2,>=1.24`` by ``numpy``."""
    from packaging.requirements import Requirement

    ranges: dict[str, str] = {}
    for requirement in map(Requirement, metadata.requires(_PACKAGE) or []):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            both = [ranges.get(requirement.name, ""), str(requirement.specifier)]
            ranges[requirement.name] = ",".join(part for part in both if part)
    return ranges


def _outside(version: str, specifier: str) -> str:
    if not specifier:
        return ""
    from packaging.specifiers import SpecifierSet

    inside = SpecifierSet(specifier).contains(version, prereleases=True)
    return "" if inside else f"outside {specifier}"


def _imports() -> Iterator[tuple[str, ...]]:
    complete = True
    for name in (*_SHOWN, "recbole_groupmix.run"):
        try:
            import_module(name)
        except Exception as error:
            complete = False
            yield name, "cannot be imported", _error_line(error)
    if complete:
        yield "all of these", "can be imported"


def _machine() -> Iterator[tuple[str, ...]]:
    yield "platform", platform.platform()
    yield "CPU", _cpu_model()
    import psutil

    physical, logical = psutil.cpu_count(logical=False), psutil.cpu_count()
    cores = f"{physical or 'unknown'} physical, {logical} logical"
    if hasattr(os, "sched_getaffinity"):
        cores += f", {len(os.sched_getaffinity(0))} for this process"
    yield "cores", cores
    memory = psutil.virtual_memory()
    yield "memory", f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB free"


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1) if match else platform.processor() or platform.machine()


def _threads() -> Iterator[tuple[str, ...]]:
    if torch := sys.modules.get("torch"):
        yield "torch", str(torch.get_num_threads())
    if numba := sys.modules.get("numba"):  # its get_num_threads changes torch's
        yield "numba", str(numba.config.NUMBA_NUM_THREADS)
    import threadpoolctl

    for pool in threadpoolctl.threadpool_info():
        version = f" {pool['version']}" if pool.get("version") else ""
        library = f"{pool['internal_api']}{version}, {Path(pool['filepath']).name}"
        yield str(pool["user_api"]), f"{pool['num_threads']} ({library})"
    for name in _VARIABLES:
        if name in os.environ:
            yield name, os.environ[name]


def _cuda() -> Iterator[tuple[str, ...]]:
    torch: Any = import_module("torch")
    yield "torch is built for", f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    for number in range(count):
        free, total = torch.cuda.mem_get_info(number)
        memory = f"{free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
        yield f"GPU {number}", f"{torch.cuda.get_device_name(number)}, {memory}"
    if not count:
        yield "GPUs", "none"


def _compiled_code() -> Iterator[tuple[str, ...]]:
    loops: Any = import_module("recbole_groupmix.engine.hit_loops")
    compiled = next(
        value for value in vars(loops).values() if hasattr(value, "nopython_signatures")
    )
    folder = compiled.stats.cache_path
    if folder is None:
        why = "no writable folder: every process compiles for seconds; set NUMBA_CACHE_DIR"
        yield "cache", "none", why
    else:
        yield "cache", str(folder)


def _data_sets() -> Iterator[tuple[str, ...]]:
    locate: Any = import_module("recbole_groupmix.experiment.locate")
    for folder in dict.fromkeys(locate.searched_folders()):
        names = ", ".join(locate.data_sets_in(folder)) or "none"
        yield str(folder), names if folder.is_dir() else "not there"

"""Untrusted YAML and JSON, with limits on nesting, aliases and length."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import yaml

#: Most levels of nesting; files of runs have less than ten.
MOST_DEEP = 50
#: Most characters with every alias expanded.
MOST_WRITTEN_OUT = 2**24
#: Most digits of a whole number, as many as Python reads by default.
MOST_DIGITS = 4300


class BoundedLoader(yaml.SafeLoader):
    """Safe YAML that refuses nesting beyond `MOST_DEEP` and aliases that multiply."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node as PyYAML does, and count the levels that it lies below."""
        self._depth += 1
        if self._depth > MOST_DEEP:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"over {MOST_DEEP} levels deep", problem_mark=mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def get_single_node(self) -> yaml.Node | None:
        """Return the document's node after measuring it with its aliases expanded."""
        node = super().get_single_node()
        if node is not None:
            _measure(node, {})
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a whole number of at most `MOST_DIGITS` characters."""
        if len(node.value) > MOST_DIGITS:
            raise _refused(node, f"a whole number of over {MOST_DIGITS:,} digits")
        return int(super().construct_yaml_int(node))


BoundedLoader.add_constructor("tag:yaml.org,2002:int", BoundedLoader.construct_yaml_int)


def _measure(node: yaml.Node, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Return about how many characters and levels a node has with every alias expanded."""
    at = id(node)
    if at in known:
        size = known[at]
        if size is None:
            raise _refused(node, "a value that contains itself")
        return size
    known[at] = None
    length, levels = 1, 0
    if isinstance(node, yaml.ScalarNode):
        length += len(node.value)
    else:
        mapping = isinstance(node, yaml.MappingNode)
        for part in [p for pair in node.value for p in pair] if mapping else node.value:
            part_length, part_levels = _measure(part, known)
            length, levels = length + part_length, max(levels, part_levels)
    if length > MOST_WRITTEN_OUT or levels >= MOST_DEEP:
        raise _refused(
            node,
            f"over {MOST_WRITTEN_OUT:,} characters or {MOST_DEEP} levels with aliases expanded",
        )
    known[at] = length, levels + 1
    return length, levels + 1


def _refused(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _checked(parse: Callable[[Any], Any], text: str | bytes) -> Any:
    try:
        return parse(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise ValueError(f"it holds a whole number of over {MOST_DIGITS:,} digits") from error
        raise


def parse_yaml_bounded(text: str, loader: type[BoundedLoader] = BoundedLoader) -> Any:
    """Return the content of YAML, read safely.

    Parameters
    ----------
    text : str
        One document, at most as long as :func:`~.files.read_text_bounded` lets it be.
    loader : class
        A :class:`BoundedLoader`.

    Raises
    ------
    ValueError
        In one line: not YAML, not safe, nested beyond `MOST_DEEP`, or with aliases that multiply.
    """
    try:
        return _checked(lambda given: yaml.load(given, loader), text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def parse_json_bounded(text: str | bytes, **options: Any) -> Any:
    """Return the content of JSON.

    Parameters
    ----------
    text : str or bytes
        At most as long as :func:`~.files.read_bytes_bounded` lets it be.
    **options
        Of :func:`json.loads`.

    Raises
    ------
    ValueError
        Also for a ``RecursionError`` of `json`; ``json.JSONDecodeError`` is a ``ValueError``.
    """
    return _checked(lambda given: json.loads(given, **options), text)

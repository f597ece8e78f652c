"""The pages that scripts write from the code are as the scripts write them."""

import importlib.util

import pytest

SCRIPTS = {"rooms": "docs/rooms.py", "reference": "docs/reference.py"}


def script(repository, name):
    """Import a script of docs."""
    spec = importlib.util.spec_from_file_location(name, repository / SCRIPTS[name])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_rooms_is_that_of_the_imports(repository):
    page = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert page == script(repository, "rooms").written(page), "run python docs/rooms.py"


def test_the_reference_is_that_of_the_docstrings(repository):
    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    assert page == script(repository, "reference").page(), "run python docs/reference.py"


@pytest.mark.parametrize(
    ("below", "order", "drawn"),
    [
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, ["c", "b", "a"], {"a": {"b"}, "b": {"c"}}),
        ({"a": {"b", "c"}, "b": set(), "c": set()}, ["b", "c", "a"], {"a": {"b", "c"}}),
    ],
)
def test_arrows_that_follow_from_others_are_not_drawn(repository, below, order, drawn):
    rooms = script(repository, "rooms")
    assert rooms.from_the_ground_up(below) == order
    assert {room: others for room, others in rooms.drawn(below).items() if others} == drawn


def test_a_circle_of_rooms_is_refused(repository):
    with pytest.raises(ValueError, match="a circle among a, b"):
        script(repository, "rooms").from_the_ground_up({"a": {"b"}, "b": {"a"}, "c": set()})

"""The pages that scripts write from the code are as the scripts write them."""

import importlib.util
import subprocess

import pytest

from recbole_groupmix.cli.main import COMMANDS, parser_of

SCRIPTS = {
    "rooms": "docs/rooms.py",
    "reference": "docs/reference.py",
    "commands": "docs/commands.py",
    "quickstart": "docs/quickstart.py",
}


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


def test_the_page_of_commands_is_that_of_the_parsers(repository):
    page = (repository / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == script(repository, "commands").page(), "run python docs/commands.py"
    for name in COMMANDS:
        assert f"\n## {name}\n" in page
        for action in parser_of(name)._actions:
            assert all(
                f"`{option}" in page for option in action.option_strings[-1:] if option != "--help"
            )


def test_the_quickstart_is_run_and_its_output_replaced(repository, tmp_path):
    """Blocks without an output, such as an installation, stay alone."""
    renewed = script(repository, "quickstart").renewed
    page = "```bash\nfalse\n```\n\nthen\n\n```bash\nbasename $PWD\n```\n\n```text\nold `x`\n```\nend\n"
    assert renewed(page, tmp_path) == page.replace("old `x`", tmp_path.name)
    with pytest.raises(subprocess.CalledProcessError):
        renewed("```bash\nfalse\n```\n\n```text\n```\n", tmp_path)

"""Files of the project beside the code: workflows, forms of issues, citation, the plan of the site."""

import re
import runpy

import pytest
import yaml
from blocks import PAGES, REPOSITORY, name_of

import recbole_groupmix

YAML = sorted([*REPOSITORY.glob(".github/**/*.yml"), REPOSITORY / "CITATION.cff"])


def read(name):
    return yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))


def pythons(job):
    """Return the versions of Python that a job of a workflow runs on."""
    return job["strategy"]["matrix"]["python"]


def commands(job):
    """Return what the steps of a job run, in one text."""
    return "\n".join(step.get("run", "") for step in job["steps"])


@pytest.mark.parametrize("file", YAML, ids=name_of)
def test_yaml_is_valid(file):
    assert isinstance(yaml.safe_load(file.read_text(encoding="utf-8")), dict)


def test_workflows_name_their_actions_and_rights():
    for file in REPOSITORY.glob(".github/workflows/*.yml"):
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert True in workflow, "YAML 1.1 reads `on` as true"
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            assert job["runs-on"] == "ubuntu-latest"
            for step in job["steps"]:
                assert ("uses" in step) != ("run" in step)
                assert re.fullmatch(r"[\w-]+/[\w-]+@[\w./]+", step.get("uses", "a/b@v1"))


def test_every_python_has_its_stack():
    jobs = read(".github/workflows/tests.yml")["jobs"]
    pinned, newer = jobs["recbole-as-pinned"], jobs["newer-libraries"]
    assert pythons(pinned) == ["3.10", "3.11"]
    assert pythons(newer) == ["3.12", "3.13", "3.14"]
    assert "-c constraints/default.txt" in commands(pinned)
    assert "-c constraints/modern.txt" in commands(newer)
    assert "pip install --no-deps recbole==1.2.1" in commands(newer)
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={pythons(pinned)[0]}"' in project


def test_a_release_is_checked_before_it_is_published_without_a_token():
    text = (REPOSITORY / ".github/workflows/release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert "twine check --strict dist/*" in commands(jobs["build"])
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in text


def test_a_report_of_a_bug_asks_for_the_doctor():
    form = read(".github/ISSUE_TEMPLATE/bug.yml")
    fields = {part["id"]: part for part in form["body"]}
    assert "groupmix doctor" in fields["doctor"]["attributes"]["label"]
    assert all(part["validations"]["required"] for part in fields.values())


def test_the_citation_names_this_version_and_the_paper():
    citation = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == recbole_groupmix.__version__
    readme = " ".join((REPOSITORY / "README.md").read_text(encoding="utf-8").split())
    assert citation["references"][0]["title"] in readme


def test_every_page_has_its_place_in_the_site():
    """Sphinx warns of it, too; this needs no Sphinx."""
    placed, new = set(), {REPOSITORY / "docs" / "index.md"}
    while new:
        placed |= new
        entries = {
            (page.parent / f"{re.sub('.*<|>', '', line)}.md")
            for page in new
            for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text("utf-8"), re.S)
            for line in tree.splitlines()
            if line and not line.startswith(":")
        }
        new = entries - placed
    assert placed == {page for page in PAGES if page.is_relative_to(REPOSITORY / "docs")}
    own = {"search", "genindex"}  # pages that Sphinx makes, in place of one of ours
    assert not own & {page.stem for page in placed if page.parent.name == "docs"}


def test_the_site_has_the_version_of_the_package():
    settings = runpy.run_path(str(REPOSITORY / "docs" / "conf.py"))
    assert settings["release"] == recbole_groupmix.__version__

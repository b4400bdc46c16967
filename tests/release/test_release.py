"""What a release says of itself, in more than one file, is one thing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

import legonet
from readme import absolute, alone

ROOT = Path(__file__).parents[2]
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    needed = {"cff-version", "message", "title", "authors", "version", "date-released", "license", "type"}
    assert needed <= set(cited)
    assert cited["version"] == legonet.__version__
    assert str(cited["date-released"]) in CHANGES


def test_the_newest_release_is_this_version_and_is_read_at_a_glance() -> None:
    releases = re.findall(r"^## \[?([\d.]+)\]?(.*?)(?=^## |\Z)", CHANGES, re.MULTILINE | re.DOTALL)
    assert releases[0][0] == legonet.__version__
    for version, text in releases:
        lines = [line for line in text.splitlines()[1:] if line.startswith("- ")]
        assert 0 < len(lines) <= 20, version


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    files = {file.name for file in folder.glob("[0-9]*.md")}
    assert set(re.findall(r"\]\((\d[^)]*\.md)\)", index)) == files
    numbers = [name[:4] for name in files]
    assert sorted(set(numbers)) == sorted(numbers), "two decisions have one number"
    for name in sorted(files):
        first = (folder / name).read_text(encoding="utf-8").splitlines()[0]
        assert re.fullmatch(rf"# {int(name[:4])}\. .+", first), name


def test_the_workflow_does_what_continuous_integration_does() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert {"run": ".ci/run"} in steps
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_forms_have_what_forges_ask_for() -> None:
    for name in ("fault", "wish"):
        form = yaml.safe_load(
            (ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf-8")
        )
        assert {"name", "description", "body"} <= set(form)
        assert all(each["type"] == "markdown" or each["attributes"]["label"] for each in form["body"])


def test_the_readme_of_an_index_leads_to_the_repository() -> None:
    text = "![p](docs/a.svg) [d](docs/b.md#c) [w](https://w.org) [h](#here)"
    assert absolute(text, "https://forge.org/me/legonet", "1.2.3") == (
        "![p](https://forge.org/me/legonet/raw/v1.2.3/docs/a.svg) "
        "[d](https://forge.org/me/legonet/blob/v1.2.3/docs/b.md#c) [w](https://w.org) [h](#here)"
    )


def test_the_readme_of_an_index_without_a_repository_leads_nowhere() -> None:
    shown = "![p](docs/a.svg)\n\nIt shows\nmuch."
    text = (
        f"A [d](docs/b.md#c).\n\n<!-- repository -->\n{shown}\n<!-- /repository -->\n\n"
        "[w](https://w.org) [h](#here) ![q](docs/q.png)\n"
    )
    assert alone(text) == "A d.\n\n[w](https://w.org) [h](#here) \n"


def test_what_needs_the_repository_is_marked_from_its_begin_to_its_end() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    marks = re.findall(r"^<!-- (/?repository) -->$", text, re.MULTILINE)
    assert marks == ["repository", "/repository"] * (len(marks) // 2)
    assert "](docs" not in alone(text)
    assert "![" not in alone(text)


def test_every_extra_is_told() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    rows = re.findall(
        r"^\| (`.*?`) \|", (ROOT / "docs" / "install.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    told = {name for row in rows for name in re.findall(r"`(.*?)`", row)}
    assert set(extras) - {"site", "all"} <= told

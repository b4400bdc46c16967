import shutil
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from legonet.errors import LegonetWarning, RenderError
from legonet.render import graphviz as backend
from legonet.render import render
from legonet.render.formats import FORMATS, draw
from legonet.render.view import make_view

ENDINGS = [suffix for suffixes in FORMATS.values() for suffix in suffixes]
MAGIC = {
    "svg": b"<?xml",
    "png": b"\x89PNG\r\n\x1a\n",
    "pdf": b"%PDF-1.",
    "dot": b"digraph",
    "mermaid": b"flowchart LR",
    "markdown": b"```mermaid\n",
    "html": b"<!DOCTYPE html>",
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.usefixtures("no_dot")
def test_the_ending_chooses_the_format_without_graphviz_on_the_machine(make_graph, tmp_path, ending):
    path = render(make_graph(), tmp_path / f"animals{ending}")
    assert path == tmp_path / f"animals{ending}"
    (kind,) = [name for name, suffixes in FORMATS.items() if ending in suffixes]
    data = path.read_bytes()
    assert data.startswith(MAGIC[kind])
    drawn = draw(make_graph(), kind)
    assert (drawn.encode() if isinstance(drawn, str) else drawn) == data
    assert [each.name for each in tmp_path.iterdir()] == [path.name], "no temporary file is left"


@pytest.mark.skipif(shutil.which("dot") is None, reason="no system Graphviz")
@pytest.mark.parametrize("kind", ["svg", "png", "pdf", "html"])
def test_with_the_systems_graphviz(make_graph, kind, monkeypatch):
    monkeypatch.setattr(backend, "pure_executable", lambda: None)
    first = draw(make_graph(), kind)
    assert (first.encode() if isinstance(first, str) else first).startswith(MAGIC[kind])
    assert draw(make_graph(), kind) == first


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.usefixtures("no_dot")
def test_the_same_bytes_twice(make_graph, make_lock, kind):
    drawn = [draw(make_graph(), kind, make_lock(["cat:classify"])) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert isinstance(drawn[0], bytes if kind in ("png", "pdf") else str)


@pytest.mark.usefixtures("no_dot")
def test_a_png_is_sharp_and_not_empty(make_graph, tmp_path):
    with Image.open(render(make_graph(), tmp_path / "a.png")) as image:
        image.load()
        assert image.width > 1500
        colours = image.convert("RGB").getcolors(1 << 20)
    assert colours is not None
    seen = {colour for _, colour in colours}
    assert {(0xE3, 0xEF, 0xF8), (0xE0, 0xF2, 0xEB)} <= seen, "category and task modules have their fills"


@pytest.mark.usefixtures("no_dot")
def test_a_very_tall_network_stays_within_the_limit_of_a_png(make_graph, tmp_path):
    graph = make_graph([f"c{i}" for i in range(400)], ["classify"], teachers=[])
    with Image.open(render(graph, tmp_path / "tall.png")) as image:
        assert max(image.size) <= backend.MAX_PIXELS


@pytest.mark.usefixtures("no_dot")
def test_an_svg_names_fallback_fonts_and_nothing_outside(make_graph):
    text = draw(make_graph(), "svg")
    root = ET.fromstring(text)  # noqa: S314
    fonts = {element.get("font-family") for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert fonts == {"Arial, Helvetica, sans-serif"}
    hrefs = [value for element in root.iter() for name, value in element.attrib.items() if "href" in name]
    assert not hrefs


@pytest.mark.parametrize(
    ("name", "found"),
    [("a.jpeg", "found the ending '.jpeg'"), ("animals", "found no ending"), ("a.svg.zip", "'.zip'")],
)
def test_an_unknown_ending_lists_the_formats(make_graph, tmp_path, name, found):
    with pytest.raises(RenderError) as error:
        render(make_graph(), tmp_path / name)
    assert found in str(error.value)
    assert all(ending in str(error.value) for ending in ENDINGS)
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_lists_the_formats(make_graph):
    with pytest.raises(RenderError, match="format: found 'bmp'; expected one of svg, png, pdf"):
        draw(make_graph(), "bmp")


def test_a_folder_that_is_not_there_is_made(make_graph, tmp_path):
    assert render(make_graph(), tmp_path / "new" / "folder" / "a.dot").is_file()
    (tmp_path / "file").write_text("")
    with pytest.raises(RenderError, match=r"file/a\.dot: cannot be written \((File exists|Not a dir)"):
        render(make_graph(), tmp_path / "file" / "a.dot")


def test_a_failure_leaves_the_old_file_whole(make_graph, tmp_path, monkeypatch):
    path = render(make_graph(), tmp_path / "a.dot")
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(RenderError, match="No space left"):
        render(make_graph(["cat"]), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.dot"]


@pytest.mark.usefixtures("no_dot")
def test_no_graphviz_at_all_says_what_to_install(make_graph, monkeypatch):
    monkeypatch.setattr(backend, "pure_executable", lambda: None)
    with pytest.raises(RenderError, match="pip install graphviz-pure"):
        draw(make_graph(), "svg")
    assert draw(make_graph(), "dot").startswith("digraph")
    assert draw(make_graph(), "mermaid").startswith("flowchart")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a shell script in the place of graphviz-pure."""
    monkeypatch.setenv("PATH", "")

    def put(script: str) -> None:
        path = tmp_path / "fake"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(backend, "pure_executable", lambda: str(path))

    return put


def test_a_graphviz_that_fails_is_quoted(make_graph, program):
    program("echo 'it hurts' >&2; exit 1")
    with pytest.raises(RenderError, match="graphviz-pure failed: it hurts"):
        draw(make_graph(), "svg")


def test_a_graphviz_that_writes_nothing_failed(make_graph, program):
    program("exit 0")
    with pytest.raises(RenderError, match="it said nothing"):
        draw(make_graph(), "svg")


def test_a_graphviz_that_hangs_is_stopped(make_graph, program, monkeypatch):
    program("exec /bin/sleep 30")
    monkeypatch.setattr(backend, "TIME_LIMIT", 0.2)
    with pytest.raises(RenderError, match="took more than 0 s"):
        draw(make_graph(), "svg")


def test_a_broken_dot_on_path_falls_back(make_graph, tmp_path, monkeypatch):
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "<svg" in draw(make_graph(), "svg")


@pytest.mark.usefixtures("no_dot")
def test_letters_that_graphviz_pure_cannot_draw_are_reported(make_graph):
    with pytest.warns(LegonetWarning, match="no glyphs for 猫"):
        draw(make_graph(["cat"], labels={"cat": "猫"}), "png")
    draw(make_graph(["cat"], labels={"cat": "кошка γάτα é ≤"}), "png")  # a warning would be an error here


def test_a_view_can_be_drawn_too(make_graph, tmp_path):
    view = make_view(make_graph())
    assert draw(view, "dot") == draw(make_graph(), "dot")
    assert render(view, str(tmp_path / "a.GV")).read_text() == draw(view, ".gv")


@pytest.mark.parametrize("graph", [([], []), (["dog"], []), ([], ["classify"])])
@pytest.mark.parametrize("kind", FORMATS)
def test_graphs_without_paths(make_graph, kind, graph):
    assert draw(make_graph(*graph, teachers=[]), kind)


@pytest.mark.usefixtures("no_dot")
def test_a_hundred_categories_by_twenty_tasks(make_graph, make_lock, tmp_path):
    """Two thousand pairs take seconds; the layout is linear in their number."""
    import time

    categories, tasks = [f"c{i}" for i in range(100)], [f"t{i}" for i in range(20)]
    graph = make_graph(categories, tasks)
    lock = make_lock([f"{category}:t3" for category in categories])
    for ending in (".svg", ".png", ".pdf", ".html", ".mmd"):
        start = time.perf_counter()
        assert render(graph, tmp_path / f"big{ending}", lock).stat().st_size > 10_000
        assert time.perf_counter() - start < 30


def test_no_torch():
    code = (
        "import sys, legonet.render, legonet.render.graphviz, legonet.render.html, legonet.render.pdf, "
        "legonet.render.mermaid; "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('torch', 'numpy')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"

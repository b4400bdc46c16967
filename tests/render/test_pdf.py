import re
import zlib
from base64 import a85decode

import pytest

from legonet.errors import RenderError
from legonet.render.formats import draw
from legonet.render.pdf import pdf


def content(data: bytes) -> str:
    """The drawing operators of the first page."""
    found = re.search(
        rb"/Filter \[ /ASCII85Decode /FlateDecode \].*?stream\r?\n(.*?)endstream", data, re.DOTALL
    )
    assert found is not None
    return zlib.decompress(a85decode(b"<~" + found[1].strip(), adobe=True)).decode("latin-1")


@pytest.fixture
def text(make_graph, make_lock, no_dot):
    return content(draw(make_graph(), "pdf", make_lock(["cat:classify"])))


def test_text_is_text(text):
    assert "(dog) Tj" in text
    assert "(classify) Tj" in text
    assert "(1 \\267 dog-classify) Tj" in text


def test_lines_are_vectors_and_no_image_is_drawn(text):
    assert " c\n" in text or " c " in text
    assert " Do" not in text
    assert "[5 2] 0 d" in text, "dashes stay dashes"


def test_the_page_is_as_large_as_the_picture(make_graph):
    data = draw(make_graph(), "pdf")
    svg = draw(make_graph(), "svg")
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", data)
    size = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"', svg)
    assert box is not None
    assert size is not None
    assert [float(side) for side in box.groups()] == [float(side) for side in size.groups()]


def test_letters_outside_helvetica(make_graph):
    for label in ("корова", "羊のしつけ", "고양이", "ίππος", "🐕"):
        assert draw(make_graph(["cat"], labels={"cat": label}), "pdf").startswith(b"%PDF")


def test_a_huge_picture_is_scaled_to_what_readers_open():
    svg = '<svg viewBox="0 0 100 28000" xmlns="http://www.w3.org/2000/svg"><path d="M0,0C1,1 2,2 3,3"/></svg>'
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf(svg, "tall"))
    assert box is not None
    assert [float(side) for side in box.groups()] == [50.0, 14000.0]


def test_what_graphviz_does_not_write_is_refused():
    svg = '<svg viewBox="0 0 9 9" xmlns="http://www.w3.org/2000/svg"><image/></svg>'
    with pytest.raises(RenderError, match="<image>"):
        pdf(svg, "x")


def test_letters_that_no_font_has_are_told(make_graph, monkeypatch, caplog):
    monkeypatch.setattr("legonet.render.pdf._machine_fonts", lambda bold: ())
    graph = make_graph(["dog", "कुत्ता"])
    draw(graph, "pdf")
    (record,) = caplog.records
    assert "no font of this machine has glyphs for क" in record.getMessage()
    assert "write SVG or HTML" in record.getMessage()
    caplog.clear()
    draw(make_graph(["dog", "été", "猫"]), "pdf")  # Latin is in every reader, 猫 in fonts that readers bring
    assert not caplog.records

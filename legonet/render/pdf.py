"""A vector PDF of an SVG that Graphviz wrote, by reportlab: text stays text.

Graphviz writes few kinds of SVG elements; these are read here, and anything else is refused.
"""

from __future__ import annotations

import io
import logging
import re
import xml.etree.ElementTree as ET
from functools import cache
from typing import TYPE_CHECKING

from legonet.errors import RenderError

if TYPE_CHECKING:
    from reportlab.lib.colors import Color
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.pdfgen.pathobject import PDFPathObject

_log = logging.getLogger(__name__)

_MAX_SIDE = 14_000.0
"""Points; PDF readers stop at 14,400."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_COMMAND = re.compile(r"([MCLZz])([^A-Za-z]*)")
_MACHINE_FONTS = (
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("Arial.ttf", "Arial Bold.ttf"),
    ("arial.ttf", "arialbd.ttf"),
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("Arial Unicode.ttf", "Arial Unicode.ttf"),
)
# Fonts that PDF readers bring themselves, by the scripts that they cover.
_READER_FONTS = (
    ("HYGothic-Medium", re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")),
    ("HeiseiKakuGo-W5", re.compile(r"[\u3040-\u30ff]")),
    ("STSong-Light", re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")),
)


def pdf(svg: str, title: str) -> bytes:
    """Convert an SVG picture by Graphviz to PDF, as vectors with selectable text.

    Helvetica is not embedded: every reader has it. Text outside Western Latin is set in a font of this
    machine if one has the letters, else in one that readers bring.

    Args:
        svg: The picture.
        title: The document's title.

    Returns:
        The file's bytes; the same for the same picture on the same machine.

    Raises:
        RenderError: The SVG holds something that Graphviz does not write.
    """
    from reportlab.pdfgen.canvas import Canvas

    root = ET.fromstring(svg)  # noqa: S314  (Graphviz wrote it from our own escaped text)
    if lacking := _lacking(root):
        _log.warning(
            "PDF: no font of this machine has glyphs for %s, which stay blank; write SVG or HTML, or install "
            "a font that has them, such as Noto Sans",
            lacking,
        )
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    scale = min(1.0, _MAX_SIDE / max(width, height))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(width * scale, height * scale), invariant=1, pageCompression=1)
    canvas.setTitle(title)
    canvas.setCreator("legonet")
    # SVG's y points down.
    canvas.transform(scale, 0, 0, -scale, -left * scale, (top + height) * scale)
    for child in root:
        _draw(canvas, child)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _lacking(root: ET.Element) -> str:
    """Letters of a picture that no font has."""
    texts = [each.text or "" for each in root.iter() if each.tag.rpartition("}")[2] == "text"]
    rare = {(letter, _reader(text)) for text in texts if not text.isascii() for letter in text}
    found = sorted({letter for letter, reader in rare if _font_for(letter, False, reader) is None})
    return "".join(found[:8]) + ("…" if len(found) > 8 else "")


def _draw(canvas: Canvas, element: ET.Element) -> None:
    tag = element.tag.rpartition("}")[2]
    if tag in ("g", "a"):
        canvas.saveState()
        _transform(canvas, element.get("transform", ""))
        for child in element:
            _draw(canvas, child)
        canvas.restoreState()
    elif tag == "text":
        _text(canvas, element)
    elif tag == "ellipse":
        x, y, rx, ry = (float(element.attrib[name]) for name in ("cx", "cy", "rx", "ry"))
        path = canvas.beginPath()
        path.ellipse(x - rx, y - ry, 2 * rx, 2 * ry)
        _paint(canvas, element, path)
    elif tag in ("polygon", "polyline"):
        numbers = _numbers(element.attrib["points"])
        path = canvas.beginPath()
        path.moveTo(*numbers[:2])
        for index in range(2, len(numbers), 2):
            path.lineTo(*numbers[index : index + 2])
        if tag == "polygon":
            path.close()
        _paint(canvas, element, path)
    elif tag == "path":
        _paint(canvas, element, _path(canvas, element.attrib["d"]))
    elif tag != "title":
        raise RenderError(
            f"PDF: found SVG element <{tag}>; expected what Graphviz writes; write .svg instead"
        )


def _numbers(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]


def _transform(canvas: Canvas, text: str) -> None:
    for name, arguments in re.findall(r"(\w+)\(([^)]*)\)", text):
        numbers = _numbers(arguments)
        if name == "scale":
            canvas.scale(numbers[0], numbers[-1])
        elif name == "translate":
            canvas.translate(numbers[0], numbers[1])
        elif name == "rotate" and numbers[0]:
            canvas.rotate(numbers[0])


def _path(canvas: Canvas, data: str) -> PDFPathObject:
    path = canvas.beginPath()
    for command, arguments in _COMMAND.findall(data):
        numbers = _numbers(arguments)
        if command == "M":
            path.moveTo(*numbers[:2])
            numbers = numbers[2:]
        step = 6 if command == "C" else 2
        for index in range(0, len(numbers), step):
            point = numbers[index : index + step]
            path.curveTo(*point) if command == "C" else path.lineTo(*point)
        if command in "Zz":
            path.close()
    return path


def _paint(canvas: Canvas, element: ET.Element, path: PDFPathObject) -> None:
    fill, stroke = element.get("fill", "black"), element.get("stroke", "none")
    filled, stroked = fill not in ("none", "transparent"), stroke not in ("none", "transparent")
    if filled:
        canvas.setFillColor(_colour(fill))
    if stroked:
        canvas.setStrokeColor(_colour(stroke))
        canvas.setLineWidth(float(element.get("stroke-width", "1")))
        canvas.setDash(_numbers(element.get("stroke-dasharray", "")))
    canvas.drawPath(path, stroke=int(stroked), fill=int(filled))


def _colour(name: str) -> Color:
    from reportlab.lib.colors import toColor

    return toColor(name)


def _text(canvas: Canvas, element: ET.Element) -> None:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    size = float(element.get("font-size", "14"))
    bold = element.get("font-weight") == "bold"
    runs = _runs(element.text or "", bold=bold)
    x, y = float(element.attrib["x"]), float(element.attrib["y"])
    width = sum(stringWidth(text, font, size) for font, text in runs)
    x -= width * {"middle": 0.5, "end": 1.0}.get(element.get("text-anchor", "start"), 0.0)
    canvas.saveState()
    canvas.setFillColor(_colour(element.get("fill", "black")))
    canvas.translate(x, y)
    canvas.scale(1, -1)
    line = canvas.beginText(0, 0)
    for font, text in runs:
        line.setFont(font, size)
        line.textOut(text)
    canvas.drawText(line)
    canvas.restoreState()


def _runs(text: str, *, bold: bool) -> list[tuple[str, str]]:
    """The text in pieces, each with a font that has its letters."""
    runs: list[tuple[str, str]] = []
    # One font of the reader's for the whole text: Japanese mixes characters that two of them have.
    reader = _reader(text)
    for character in text:
        font = _font_for(character, bold, reader) or "Helvetica"
        if runs and runs[-1][0] == font:
            runs[-1] = (font, runs[-1][1] + character)
        else:
            runs.append((font, character))
    return runs


def _reader(text: str) -> str | None:
    """The font of the reader's own that has a text's script."""
    return next((name for name, letters in _READER_FONTS if letters.search(text)), None)


def _font_for(character: str, bold: bool, reader: str | None) -> str | None:
    """The font that has a letter; None where no font does."""
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        pass
    else:
        return "Helvetica-Bold" if bold else "Helvetica"
    for name in _machine_fonts(bold):
        if _has(name, character):
            return name
    return _reader_font(reader) if reader else None


@cache
def _machine_fonts(bold: bool) -> tuple[str, ...]:
    """Those of `_MACHINE_FONTS` that this machine has, by the names under which reportlab knows them."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    found = []
    for file in (pair[bold] for pair in _MACHINE_FONTS):
        name = file.removesuffix(".ttf")
        try:
            pdfmetrics.registerFont(TTFont(name, file))
        except (TTFError, OSError):
            continue
        found.append(name)
    return tuple(found)


def _has(font: str, character: str) -> bool:
    from reportlab.pdfbase import pdfmetrics

    face = getattr(pdfmetrics.getFont(font), "face", None)
    return ord(character) in getattr(face, "charToGlyph", {})


@cache
def _reader_font(name: str) -> str:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont

    pdfmetrics.registerFont(UnicodeCIDFont(name))
    return name

import unicodedata
import xml.etree.ElementTree as ET
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet.render.text import clean, fit, width


@given(st.text())
def test_clean_text_is_one_line_that_xml_can_carry(text):
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in cleaned)
    assert ET.fromstring(f"<t>{escape(cleaned)}</t>").text in (cleaned, None)  # noqa: S314


def test_what_clean_does():
    assert clean("  a\n\tb\x00c \u2028 d ") == "a b c d"
    assert clean("x\ud800\ufffe") == "x\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    assert clean("cat\u202egod") == "catgod"
    assert clean("4.1\N{NO-BREAK SPACE}%") == "4.1\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize("bold", [False, True])
def test_width_is_helveticas(bold):
    from reportlab.pdfbase.pdfmetrics import stringWidth

    text = "".join(map(chr, range(32, 127)))
    font = "Helvetica-Bold" if bold else "Helvetica"
    assert width(text, 10, bold=bold) == pytest.approx(stringWidth(text, font, 10), rel=1e-6)
    for character in text:
        assert width(character, 1000, bold=bold) == round(stringWidth(character, font, 1000))


@given(st.text(st.characters(codec="utf-8"), max_size=80), st.floats(12, 200), st.booleans())
def test_fit_never_exceeds_its_limit(text, limit, bold):
    fitted = fit(text, limit, 10, bold=bold)
    assert width(fitted, 10, bold=bold) <= limit
    assert (fitted == text) == (width(text, 10, bold=bold) <= limit) or "…" in text


def test_fit_keeps_both_ends():
    fitted = fit("a-very-long-name-of-a-category-v17", 90, 10)
    assert fitted.startswith("a-very")
    assert fitted.endswith("v17")
    assert "…" in fitted


def test_signs_between_words_are_as_wide_as_in_helvetica() -> None:
    """A text that is thought wider than it is stands left of its box's middle."""
    assert width("a\N{NO-BREAK SPACE}%", 10) == width("a %", 10)
    assert [width(sign, 1000) for sign in "·×"] == [278, 584]  # Adobe's Helvetica.afm

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet.plan.plan import PlannedEdge
from legonet.render.formats import draw

VOID = {"meta", "br", "input"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; asserts that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_what_the_page_says(make_graph, make_lock, make_plan):
    graph = make_graph(["dog", "cat"], applications={"pets": ["dog:classify", "cat:classify"]})
    lock = make_lock(["cat:classify"])
    figures = {"cat:classify": {"error": 0.041, "unadapted": 0.452, "seconds": 0.1234}}
    page = Page(draw(graph, "html", lock, make_plan(cat__classify="keep"), figures))
    text = " ".join(page.text)
    for said in (
        "Transplant network of 2 categories and 1 task; input 3 × 32 × 32.",
        "why keep",
        "4.1\N{NO-BREAK SPACE}%",
        "45.2\N{NO-BREAK SPACE}%",
        "0.123",
        "0.125",
        "back-distillation",
        "2 · cat-classify",
        "pets",
        "dog:classify, cat:classify",
    ):
        assert said in text
    assert ("title", lock.adapters["cat:classify"].adapter) in page.attributes
    assert ("title", lock.adapters["cat:classify"].key) in page.attributes


def test_nothing_is_loaded_from_elsewhere(make_graph):
    page = Page(draw(make_graph(), "html"))
    assert not {"link", "img", "iframe", "image", "use"} & set(page.tags)
    assert page.tags.count("script") == 1
    assert not [name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")]
    assert "svg" in page.tags


def test_the_policy_names_the_script_and_the_style_by_their_hashes(make_graph):
    text = draw(make_graph(), "html")
    (policy,) = re.findall(r'content="(default-src [^"]*)"', text)
    assert policy.split("; ")[0] == "default-src 'none'"
    for kind in ("script", "style"):
        ((_, inside),) = re.findall(rf"<{kind}( [^>]*)?>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy.split("; ")
    assert "unsafe" not in policy
    assert not re.search(r'[ "]style="', text), "the policy would drop it"


def test_the_script_is_small_and_only_sets_text():
    script = (resources.files("legonet.render") / "page.js").read_bytes()
    assert len(script) <= 15_000
    for risky in (
        b"innerHTML",
        b"outerHTML",
        b"insertAdjacent",
        b"document.write",
        b"eval",
        b"Function(",
        b"fetch",
    ):
        assert risky not in script


def tags(make_graph, label, reason):
    graph = make_graph(["dog", "cat"], labels={"cat": label})
    return Page(draw(graph, "html", plan=[PlannedEdge("cat:classify", "refit", reason)])).tags


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "]]> --> </svg></body>", "a\\N&lt;"],
)
def test_hostile_text_is_only_text(make_graph, text):
    assert tags(make_graph, text, text) == tags(make_graph, "plain", "plain")


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=40), st.text("<>&\"'/-!=a ", min_size=1, max_size=40).filter(str.strip))
def test_any_text(make_graph, label, reason):
    assert tags(make_graph, label, reason) == tags(make_graph, "plain", "plain")

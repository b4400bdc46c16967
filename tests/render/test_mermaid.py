import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet.plan.plan import PlannedEdge
from legonet.render.formats import draw
from legonet.render.mermaid import escape

TEXT = r'"[^"\n`]*"'
LINES = [
    r"flowchart LR",
    r"  accTitle: \S+",
    rf"  c\d+\(\[{TEXT}\]\):::(category|removed)",
    rf"  [ka]\d+\[{TEXT}\]:::(task|adapter|planned|refit|removed)",
    rf"  t\d+\({TEXT}\):::teacher",
    rf"  [ckat]\d+ (---|-->|-\.-|-\.->)(\|{TEXT}\|)? [cka]\d+",
    r"  classDef \w+ [\w:#,\- ]+;",
]


def is_wellformed(text: str) -> bool:
    return all(any(re.fullmatch(line, each) for line in LINES) for each in text.splitlines())


def test_structure(make_graph, make_lock, make_plan):
    graph = make_graph(teachers=[(c, "classify") for c in ("dog", "cat", "cow", "horse")])
    plan = make_plan(cow__classify="add", horse__classify="refit", goat__classify="remove")
    figures = {"cat:classify": {"error": 0.041, "teacher": 0.017}}
    text = draw(graph, "mermaid", make_lock(["cat:classify"]), plan, figures)
    assert is_wellformed(text)
    assert text.count(":::category") == 5
    assert text.count(":::task") == 1
    assert text.count(":::teacher") == 4
    for line in (
        '  c1 -->|"identity"| k1',
        '  a2["3×3 · back-distillation"]:::adapter',
        "  c2 --- a2",
        '  a2 -->|"4.1\N{NO-BREAK SPACE}#37; (1.7\N{NO-BREAK SPACE}#37;)"| k1',
        '  a3["3×3 · auto"]:::planned',
        '  a3 -.->|"add"| k1',
        '  a4 -.->|"refit"| k1',
        '  c5 -.-|"not connected yet"| k1',
        '  a6 -.->|"remove"| k1',
        "  t1 -.-> k1",
    ):
        assert line in text.splitlines()


def test_markdown_holds_the_same_text_in_one_fence(make_graph):
    text = draw(make_graph(), "markdown")
    assert text == f"```mermaid\n{draw(make_graph(), 'mermaid')}```\n"


@given(st.text(min_size=1, max_size=60) | st.text('"`#;&<>|[](){}%\\\n', min_size=1, max_size=20), st.text())
def test_any_label(make_graph, label, reason):
    graph = make_graph(["dog", "cat"], labels={"cat": label})
    plain = draw(make_graph(["dog", "cat"]), "mermaid")
    text = draw(graph, "mermaid", plan=[PlannedEdge("cat:classify", "add", reason)])
    assert is_wellformed(text)
    assert len(text.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize(
    "text", ['"]; click c1 "javascript:x"', "%%{init: {}}%%", "<script>", "`md`", "#quot;"]
)
def test_escape_leaves_no_character_that_mermaid_reads(text):
    escaped = escape(text)
    assert not set('"`<>|[]{}%&\\') & set(escaped)
    assert re.sub(r"#(\d+);", lambda code: chr(int(code[1])), escaped) == text

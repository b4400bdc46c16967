"""Says in plain words what a YAML parser stumbled over."""

from __future__ import annotations

import re

_FOUND = re.compile(r"found '(?P<what>[^']+)'|found (?P<other>.+)$|got '(?P<got>[^']+)'")

# (part of the parser's problem, part of its context, found, expected, advice)
_MESSAGES = (
    ("character '\\t'", "", "a tab", "expected spaces as indentation", "replace it by spaces"),
    ("character '@'", "", "'@' starts no YAML value", "expected text", "put the value in quotes"),
    ("character '`'", "", "'`' starts no YAML value", "expected text", "put the value in quotes"),
    ("character '%'", "", "'%' starts no YAML value", "expected text", "put the value in quotes"),
    (
        "mapping values are not allowed",
        "",
        "': ' inside a value",
        "expected 'key: value' once in a line, with keys of one mapping equally indented",
        "put the value in quotes or correct the indentation",
    ),
    (
        "sequence entries are not allowed",
        "",
        "'- ' after a key",
        "expected the list on the next line, or [a, b]",
        "start a new line",
    ),
    (
        "unexpected end of stream",
        "quoted scalar",
        "the file ends inside quotes opened at line {opened}",
        "expected the closing quote",
        "add it",
    ),
    (
        "document separator",
        "quoted scalar",
        "a document marker inside quotes opened at line {opened}",
        "expected the closing quote",
        "add it",
    ),
    (
        "could not find expected ':'",
        "",
        "no ':' after the key at line {opened}",
        "expected 'key: value'",
        "add the ':'",
    ),
    ("expected ',' or ']'", "", "the '[' at line {opened} is not closed", "expected ',' or ']'", "close it"),
    (
        "expected ',' or '}'",
        "",
        "the '{{' at line {opened} is not closed",
        "expected ',' or '}}'",
        "close it",
    ),
    # of a flow node, the place is the end
    ("<stream end>", "flow node", "the file ends inside brackets", "expected the closing bracket", "add it"),
    (
        "<stream end>",
        "flow",
        "the file ends inside brackets opened at line {opened}",
        "expected the closing bracket",
        "add it",
    ),
    (
        "expected the node content",
        "",
        "{found} where a value should be",
        "expected a value",
        "remove it or put it in quotes",
    ),
    (
        "expected <block end>",
        "block collection",
        "this line does not belong to the list that starts at line {opened}",
        "expected '- ' with the same indentation, or a line with less",
        "correct the indentation",
    ),
    (
        "expected <block end>",
        "",
        "this line does not fit the mapping that starts at line {opened}",
        "expected its keys equally indented",
        "correct the indentation",
    ),
    (
        "escape",
        "",
        "an escape that YAML does not know",
        "expected such as \\n or \\\\",
        "use single quotes around a path",
    ),
    ("undefined tag handle", "", "a tag", "expected a plain value", "remove the tag"),
    ("", "a tag", "a tag", "expected a plain value", "remove the tag"),
    (
        "incompatible YAML document",
        "",
        "a YAML version of the future",
        "expected YAML 1.2",
        "remove that line",
    ),
    (
        "",
        "block scalar",
        "text after '|' or '>'",
        "expected the text on the lines below, indented",
        "start a new line",
    ),
    (
        "<document start>",
        "",
        "{found} after the document's end",
        "expected one document",
        "remove it or indent it",
    ),
)


def syntax_message(problem: str, context: str, opened: int) -> tuple[str, str, str]:
    """A parser's complaint as what was found, what was expected, and what to do.

    Args:
        problem: the parser's words for what is wrong.
        context: its words for what it was reading.
        opened: the line where that began, from 1.
    """
    match = _FOUND.search(problem)
    found = next((group for group in match.groups() if group), "something") if match else "something"
    found = found.strip("(),<>' ")
    found = "the end of the file" if found == "stream end" else f"'{found}'"
    for in_problem, in_context, *parts in _MESSAGES:
        if in_problem in problem and in_context in context:
            what, expected, advice = (part.format(found=found, opened=opened) for part in parts)
            return what, expected, advice
    return f"not valid YAML ({problem or context})", "expected YAML 1.2", "correct this line"

"""The card of a network: Markdown with YAML front matter, as model hubs read it. Needs no torch."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from legonet.graph.address import without_secrets
from legonet.graph.editing.dump import dump_yaml
from legonet.graph.schema import Graph
from legonet.graph.select import meaning_of, split_path
from legonet.plan.text import operations_text
from legonet.render.view import MEANING, EdgeView, View, number
from legonet.tables import escaped, markdown_table
from legonet.terminal import printable

LISTED = 200  # paths, and teachers; more are counted
# Licences that hubs know by these names; others are "other", with the name beside it.
HUB_LICENCES = frozenset(
    """
    apache-2.0 mit openrail bsd bsd-2-clause bsd-3-clause bsl-1.0 cc cc0-1.0 cc-by-2.0 cc-by-3.0
    cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0
    cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 afl-3.0 agpl-3.0
    gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc mpl-2.0 ms-pl unlicense wtfpl zlib odbl pddl
    artistic-2.0 epl-2.0 eupl-1.1 eupl-1.2 ecl-2.0 osl-3.0 postgresql ofl-1.1 ncsa lppl-1.3c
    """.split()  # noqa: SIM905 - nobody reads sixty lines of one word
)


@dataclass(frozen=True)
class PathSize:
    """What a path takes.

    Attributes:
        bytes: Of its modules and its adapter.
        operations: Of a forward pass for one image; None where they are not known.
    """

    bytes: int
    operations: int | None = None


def card(graph: Graph, view: View, sizes: Mapping[str, PathSize], total: int, picture: str = "") -> str:
    """Write the card of a network.

    Args:
        graph: What it is.
        view: What is known of it.
        sizes: What its paths take.
        total: Bytes of all that it is made of.
        picture: The file of its drawing, beside the card.

    Returns:
        The text.
    """
    shown = [edge for edge in view.edges if edge.state != "open"]
    front = printable(dump_yaml(_front(graph, shown[:LISTED], sizes, total)))  # YAML reads these escapes
    image = f"![{escaped(graph.name)}: categories, adapters and tasks]({picture})\n\n" if picture else ""
    about = textwrap.fill(
        f"A transplant network of {_count(graph.categories, 'category', 'categories')} and "
        f"{_count(graph.tasks, 'task', 'tasks')}, merged by legonet of "
        f"{_count(graph.teachers, 'teacher', 'teachers')}"
        f" for images of {graph.input.in_words()}; {_size(total)} in all.",
        100,
    )
    parts = [
        f"---\n{front}---\n\n# {escaped(graph.name)}\n\n{about}\n\n{image}",
        "## Paths\n\n",
        _paths(graph, shown, sizes),
        "## Tasks\n\n",
        markdown_table(
            ("task", "output", "labels"),
            [
                (name, task.output.words(), ", ".join(task.output.channels("{category}")[:LISTED]))
                for name, task in graph.tasks.items()
            ],
        ),
        "\n## Teachers\n\n",
        _teachers(graph),
        "\n## Use\n\n",
        "```sh\nlegonet pull ADDRESS zoo    # the address of the folder that this card is in\n```\n\n"
        "Every file is verified by its sha256. Licences are those that the teachers' owners named; legonet "
        "checks none.\n",
    ]
    return "".join(parts)


def _front(graph: Graph, edges: list[EdgeView], sizes: Mapping[str, PathSize], total: int) -> dict[str, Any]:
    called = Counter(name for task in graph.tasks.values() if (name := task.output.hub_task))
    usual = called.most_common(1)
    tags = ["legonet", "modular-neural-network", *sorted(called)]
    return {
        "library_name": "legonet",
        **_licence(graph),
        **({"pipeline_tag": usual[0][0]} if usual else {}),
        "tags": list(dict.fromkeys(tags)),
        "legonet": {
            "name": graph.name,
            "categories": {name: each.label or name for name, each in graph.categories.items()},
            "tasks": {
                name: {"kind": task.output.kind, "labels": list(task.output.channels("{category}"))[:LISTED]}
                for name, task in graph.tasks.items()
            },
            "paths": {edge.path: _path(edge, sizes.get(edge.path)) for edge in edges},
            "teachers": {
                name: {
                    "path": f"{each.category}:{each.task}",
                    "licence": each.licence,
                    "source": None if each.source is None else without_secrets(each.source),
                    "source_sha256": each.source_sha256,
                }
                for name, each in list(graph.teachers.items())[:LISTED]
            },
            "bytes": total,
        },
    }


def _licence(graph: Graph) -> dict[str, str]:
    """The licence as hubs name it: one that all teachers have, else `other` with what is to be read."""
    named = {each.licence for each in graph.teachers.values()}
    if named <= {None}:
        return {"license": "unknown"}
    only = next(iter(named)) if len(named) == 1 else None
    if only is not None and only.lower() in HUB_LICENCES:
        return {"license": only.lower()}
    return {"license": "other", "license_name": only or "see-the-teachers"}


def _path(edge: EdgeView, size: PathSize | None) -> dict[str, Any]:
    found: dict[str, Any] = {"state": edge.state, "method": edge.method or None}
    found |= {"figures": {name: round(value, 6) for name, value in edge.measured}} if edge.measured else {}
    return found | ({} if size is None else {"bytes": size.bytes, "operations": size.operations})


def _paths(graph: Graph, edges: list[EdgeView], sizes: Mapping[str, PathSize]) -> str:
    rows = []
    for edge in edges[:LISTED]:
        category, task = split_path(edge.path)
        known = category in graph.categories and task in graph.tasks
        size = sizes.get(edge.path)
        seed = (graph.adapters.get(edge.path) or graph.tasks[task].adapter).seed if known else None
        how = edge.caption + (f", seed {seed}" if edge.caption and seed is not None else "")
        rows.append(
            (
                edge.path,
                meaning_of(graph, edge.path).kind if known else "–",
                MEANING[edge.state],
                how or "–",
                ", ".join(f"{name} {number(value)}" for name, value in edge.measured) or "–",
                "–" if size is None else _size(size.bytes),
                "–" if size is None or size.operations is None else operations_text(size.operations),
            )
        )
    heads = ("path", "output", "state", "how it was fitted", "figures and estimates", "bytes", "operations")
    more = f"\nand {len(edges) - LISTED:,} paths more.\n" if len(edges) > LISTED else ""
    legend = (
        "\nFigures are those that the fit measured or estimated by itself; operations are floating-point "
        "operations for one\nimage, where paths of one category share its module.\n\n"
    )
    return markdown_table(heads, rows) + more + legend


def _teachers(graph: Graph) -> str:
    rows = [
        (
            name,
            f"{each.category}:{each.task}",
            f"{each.model}, cut after {each.cut}",
            each.licence or "not recorded",
            without_secrets(each.source) if each.source else "not recorded",
            "–" if each.quality is None else number(each.quality),
        )
        for name, each in list(graph.teachers.items())[:LISTED]
    ]
    more = len(graph.teachers) - LISTED
    end = f"\nand {more:,} teachers more.\n" if more > 0 else ""
    return markdown_table(("teacher", "path", "model", "licence", "source", "quality"), rows) + end


def _count(given: Mapping[str, object], one: str, several: str) -> str:
    return f"{len(given):,} {one if len(given) == 1 else several}"


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB" if count >= 2**20 else f"{count / 2**10:,.1f} KiB"

"""`--samples PATH=FOLDER`: images of a path's category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from legonet.network import Network


def folders_of(given: Sequence[str]) -> dict[str, str]:
    """The folder of each path.

    Raises:
        DataError: Another form, or a path that is given twice.
    """
    from legonet.errors import DataError

    folders: dict[str, str] = {}
    for text in given:
        path, _, folder = text.partition("=")
        if not folder:
            raise DataError(
                f"--samples: found {text}; expected PATH=FOLDER, such as cat:classify=photos; correct it"
            )
        if path in folders:
            raise DataError(
                f"--samples: found {path} twice; expected one folder for each path; leave one out"
            )
        folders[path] = folder
    return folders


def open_samples(folders: Mapping[str, str], network: Network) -> dict[str, Any]:
    """The images and labels of each path.

    Raises:
        LegonetError: No such path, or no images for it.
    """
    from legonet.graph.select import find_edge, image_names, meaning_of

    samples: dict[str, Any] = {}
    for path, folder in folders.items():
        edge = find_edge(network.graph, path)
        from legonet.data.source import open_source  # not before the arguments are known to be right

        source = open_source(folder, network.graph.input_of(edge.category))
        meaning, label = meaning_of(network.graph, path), network.graph.categories[edge.category].label
        shown = source.called(image_names(network.graph, edge.category))
        samples[path] = source.labelled(shown, meaning, label or edge.category, split="train")
    return samples

"""Reads the modules of selected paths from the store and joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch

from legonet.compile.build import build_modules
from legonet.compile.cost import Shapes
from legonet.compile.measure import Measured
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.normalise import normalisation
from legonet.compile.options import PLAIN, CompileOptions, Running, find_running
from legonet.compile.passes import choose_passes
from legonet.compile.passes.batch import batch
from legonet.compile.passes.group import always, group
from legonet.compile.passes.place import place
from legonet.compile.photos import Photos, find_photos
from legonet.compile.program import Program, naive_program
from legonet.compile.signature import make_signature
from legonet.compile.transfer import transferred
from legonet.compile.weights import Tensors
from legonet.errors import BlockError, SelectError, StoreError
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.graph.select import meaning_of, split_path
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import load_module
from legonet.ir.sizes import output_shape
from legonet.store.blobs import BlobStore
from legonet.store.modules import ModuleKind


def assemble(
    graph: Graph,
    lock: Lock,
    store: BlobStore,
    paths: Sequence[str],
    adapters: Mapping[str, str | None],
    options: CompileOptions = PLAIN,
) -> CompiledNetwork:
    """Join the modules of some paths; only these are read, each once.

    Args:
        graph: The network; its input is normalised as it says.
        lock: What has been built; it names category and task modules by content hash.
        store: The bytes of these modules.
        paths: `category:task`, in the order of the outputs.
        adapters: The content hash of each path's adapter. A native path has none; one that is joined without
            the adapter that it needs has None, and is checked.
        options: How the network is compiled.

    Returns:
        The network in evaluation mode, frozen.

    Raises:
        StoreError: A module is missing or damaged.
        SelectError: The modules of a path without an adapter differ in shape, or an option has no such value.
    """
    pairs = [split_path(path) for path in paths]
    read = _Reader(store)
    categories = {
        name: read(lock.categories[name].built, f"categories.{name}", "category-module")
        for name in dict.fromkeys(category for category, _ in pairs)
    }
    tasks = {
        name: read(lock.tasks[name].built, f"tasks.{name}", "task-module")
        for name in dict.fromkeys(task for _, task in pairs)
    }
    fitted = {
        path: read(sha, f"adapters.{path}", "adapter") for path, sha in adapters.items() if sha is not None
    }
    gives = (
        {name: output_shape(f.graph, graph.input_of(name).shape) for name, f in categories.items()}
        if adapters
        else {}
    )
    for path, (category, task) in zip(paths, pairs, strict=True):
        if path in fitted:
            _expect_fit(path, fitted[path], gives[category], tasks[task])
        elif path in adapters:
            _expect_joint(path, categories[category], tasks[task], graph.input_of(category).shape)
    chosen = tuple(
        CompiledPath(category, task, native=path not in fitted)
        for path, (category, task) in zip(paths, pairs, strict=True)
    )
    stage, inputs = normalisation(graph.input), {name: graph.input_of(name) for name in categories}
    meanings = {path: meaning_of(graph, path) for path in paths}
    photos = find_photos(graph.input, inputs, options.separate_inputs, meanings)
    network = join(chosen, stage, categories, fitted, tasks, options, graph.input.shape, photos)
    network.signature = make_signature(graph, paths, lock)
    return network


def join(
    paths: tuple[CompiledPath, ...],
    input_stage: GraphModule,
    categories: Mapping[str, GraphModule],
    adapters: Mapping[str, GraphModule],
    tasks: Mapping[str, GraphModule],
    options: CompileOptions = PLAIN,
    input_shape: tuple[int, ...] | None = None,
    photos: Photos | None = None,
) -> CompiledNetwork:
    """Join modules that are at hand.

    Args:
        paths: The paths, in the order of the outputs.
        input_stage: The module that normalises images.
        categories: The category modules by name. Modules are used as they are, not copied, where no pass
            changes them; one under several names is one module.
        adapters: The adapters by path.
        tasks: The task modules by name.
        options: How the network is compiled.
        input_shape: (channels, height, width) of the images, if it is known.
        photos: How photos of any size become what categories see; None: images have the size already.

    Raises:
        SelectError: An option has no such value.
    """
    running = find_running(options)
    tensors = Tensors()
    bricks = [tensors.brick("input", "", input_stage)] if input_stage.graph.steps else []
    stages = {} if photos is None else {name: normalisation(each) for name, each in photos.stages.items()}
    bricks += [tensors.brick("normalise", name, each) for name, each in stages.items() if each.graph.steps]
    for kind, modules in (("categories", categories), ("adapters", adapters), ("tasks", tasks)):
        trained = kind == "adapters" and options.passes == "training"
        bricks += [tensors.brick(kind, name, each, trained=trained) for name, each in modules.items()]
    chains = [(each.category, each.task, not each.native) for each in paths]
    views = None if photos is None else photos.views
    naive = naive_program(bricks, chains, options.separate_inputs, views)
    shapes: Shapes | None = input_shape
    if photos is not None:
        one = set(photos.shapes.values())
        shapes = one.pop() if len(one) == 1 else photos.shapes
    trace = _rewrite(naive, tensors, options, running, shapes)
    program = list(trace.values())[-1]
    made, places = build_modules(program, tensors)
    dtype = running.weights_dtype
    for call in program.calls:
        number, key = program.bricks[call.bricks[0]].device, places[call.name]
        if number > 0 or (dtype != torch.float32 and key[0] not in ("input", "normalise")):
            made[key] = transferred(made[key], running.devices[number], dtype)
        else:
            made[key] = made[key].to(running.devices[0])
    made = {name: running.ordered(each) for name, each in made.items()}
    network = CompiledNetwork(paths, input_stage, trace, made, places, running, input_shape, photos)
    return network.eval().requires_grad_(False)


def _rewrite(
    program: Program,
    tensors: Tensors,
    options: CompileOptions,
    running: Running,
    input_shape: Shapes | None,
) -> dict[str, Program]:
    """The naive program and what each pass makes of it, by the pass's name."""
    passes = {each.name: each.run for each in choose_passes(options.passes)}
    if "group" in passes:
        known = options.grouping == "measured" and input_shape is not None
        pays = Measured(tensors, running, input_shape or (), options.grouping_cache) if known else always
        passes["group"] = partial(group, pays=pays)
    if "batch" in passes and isinstance(input_shape, Mapping):
        passes["batch"] = partial(batch, shapes=input_shape)
    trace = {"none": program}
    spread = len(running.devices) > 1
    for name, run in passes.items():
        if spread and name in ("group", "batch", "in-place"):
            trace["place"], spread = _placed(list(trace.values())[-1], tensors, running), False
        trace[name] = run(list(trace.values())[-1])
    if spread:
        trace["place"] = _placed(list(trace.values())[-1], tensors, running)
    return trace


def _placed(program: Program, tensors: Tensors, running: Running) -> Program:
    weights = {name: tensors.size(brick) for name, brick in program.bricks.items()}
    return place(program, weights, len(running.devices))


class _Reader:
    """Reads each module once."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._read: dict[tuple[str, ModuleKind], GraphModule] = {}

    def __call__(self, sha: str, where: str, kind: ModuleKind) -> GraphModule:
        if (sha, kind) not in self._read:
            place = f"{where}: module {sha[:10]}"
            self._read[sha, kind] = load_module(self._store.map(sha), where=place, kind=kind)
        return self._read[sha, kind]


def _expect_fit(path: str, adapter: GraphModule, gives: tuple[int, ...], g: GraphModule) -> None:
    """Refuse an adapter that is not one between these two modules."""
    try:
        output_shape(g.graph, output_shape(adapter.graph, gives, where="adapter"), where="task module")
    except BlockError as error:
        raise StoreError(
            f"adapters.{path}: the adapter that the lock file names does not fit the path: {error}; expected "
            "one that was fitted for it; restore the lock file, or delete this entry and run "
            "`legonet transplant`"
        ) from error


def _expect_joint(path: str, f: GraphModule, g: GraphModule, input_shape: tuple[int, int, int]) -> None:
    """Refuse a path whose modules cannot be joined without an adapter."""
    try:
        output_shape(g.graph, output_shape(f.graph, input_shape), where=f"{path}: task module")
    except BlockError as error:
        raise SelectError(f"{error}; without an adapter the two modules do not fit") from error

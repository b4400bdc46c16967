"""Classes of model.py: one for all modules that compute the same way, whatever their sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from torch import Tensor, nn

from legonet.compile.export.constructors import LINE, Chain, Maker, numbers, with_numbers, written
from legonet.compile.export.forward import forward_lines, parameters
from legonet.compile.export.names import Names, class_name, comment
from legonet.compile.export.sizes import size_names
from legonet.compile.export.tree import Module
from legonet.compile.export.wrap import wrapped
from legonet.ops.layers import Argument, Code, Make

_MOST = 8  # parameters of a class; modules that differ in more have classes of their own
_RESERVED = (
    "Model",
    "Names",
    "OrderedDict",
    "Path",
    "Rescale",
    "Tensor",
    "F",
    "load",
    "load_file",
    "nn",
    "torch",
)
_SHOWN = 4


@dataclass(frozen=True)
class Source:
    """A model whose classes are to be written.

    Attributes:
        kind: What the model is, which names the class of the whole.
        module: The whole.
        state: The model's tensors.
        buffers: The names of those that are no parameters.
    """

    kind: str
    module: Module
    state: Mapping[str, Tensor]
    buffers: frozenset[str]


@dataclass(frozen=True)
class Made:
    """How a module is made.

    Attributes:
        maker: The expression that makes it.
        keys: The names of its tensors in its own state dict, by those in the model.
    """

    maker: Maker
    keys: dict[str, str]


@dataclass(frozen=True)
class _Draft:
    """A module that needs a class.

    Attributes:
        source: The model that it is of.
        module: What it computes.
        attributes: Its modules, parameters and buffers; of a chain, itself.
        forward: The lines of its method; a chain has none.
        keys: As in `Made`.
    """

    source: Source
    module: Module
    attributes: tuple[tuple[str, Maker, bool], ...]
    forward: tuple[str, ...]
    keys: dict[str, str]

    @property
    def name(self) -> str:
        """What its class is called: by its operation, if it is only that, or by where it stands."""
        if len(self.module.body) == len(self.module.operations) == 1 and not self.attributes:
            return class_name(self.module.operations[0].function.partition(".")[0])
        return class_name(self.module.path) if self.module.path else self.source.kind

    @property
    def sizes(self) -> list[Argument]:
        """The whole numbers that its attributes are made with."""
        return [each for _, maker, _ in self.attributes for each in numbers(maker)]

    @property
    def shape(self) -> str:
        """All but the sizes."""
        blank = [(name, with_numbers(maker, repeat(0)), buffer) for name, maker, buffer in self.attributes]
        return repr((blank, self.forward, parameters(self.module), len(self.module.outputs)))


class Classes:
    """Writes the classes that some models need.

    Args:
        sources: The models.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._names = Names(_RESERVED, between="")
        self._made: dict[tuple[int, str], Made] = {}
        self._sources = sources  # what is made is known by their identity, so they are kept
        self.text: list[str] = []
        found: dict[int, list[tuple[Source, Module]]] = {}
        for source in sources:
            for module, height in _heights(source.module):
                found.setdefault(height, []).append((source, module))
        for _, level in sorted(found.items()):
            self._write([self._draft(source, module) for source, module in level])

    def made(self, source: Source) -> Made:
        """How a whole model is made."""
        return self._make(source, source.module)

    def _make(self, source: Source, module: Module) -> Made:
        if module.layer is not None:
            tensors = module.layer.tensors
            return Made(module.layer.make, {name: part for part, name in tensors.items()})
        if _needs_class(module):
            return self._made[id(source), module.content]
        return self._chain(source, module)

    def _chain(self, source: Source, module: Module) -> Made:
        names = Names(dir(nn.Sequential()))
        items: list[tuple[str, Maker]] = []
        keys: dict[str, str] = {}
        for name, inner in module.inner.items():
            made = self._make(source, inner)
            is_key = re.fullmatch("[A-Za-z0-9_-]+", name) and not name.isidentifier()
            key = name if is_key else names(name)
            items.append((key, made.maker))
            keys |= {tensor: f"{key}.{own}" for tensor, own in made.keys.items()}
        return Made(Chain(tuple(items)), keys)

    def _draft(self, source: Source, module: Module) -> _Draft:
        if module.is_chain:
            made = self._chain(source, module)
            return _Draft(source, module, (("", made.maker, False),), (), made.keys)
        names = Names(dir(nn.Module()))
        attributes: list[tuple[str, Maker, bool]] = []
        keys: dict[str, str] = {}
        inner: dict[str, str] = {}
        for name, each in module.inner.items():
            made, inner[name] = self._make(source, each), names(name)
            attributes.append((inner[name], made.maker, False))
            keys |= {tensor: f"{inner[name]}.{own}" for tensor, own in made.keys.items()}
        tensors: dict[str, str] = {}
        for tensor in dict.fromkeys(name for step in module.operations for name in step.tensors()):
            own = tensors[tensor] = names(tensor.removeprefix(f"{module.path}."))
            buffer = tensor in source.buffers
            attributes.append((own, _empty(source.state[tensor], buffer), buffer))
        forward = forward_lines(module, inner, tensors)
        return _Draft(source, module, tuple(attributes), tuple(forward), keys | tensors)

    def _write(self, drafts: Iterable[_Draft]) -> None:
        alike: dict[str, list[_Draft]] = {}
        for draft in drafts:
            alike.setdefault(draft.shape, []).append(draft)
        for group in alike.values():
            different = list(dict.fromkeys(_values(draft) for draft in group))
            names = size_names([each.name for each in group[0].sizes], different)
            if len(set(filter(None, names))) <= _MOST:
                self._write_class(group, names)
                continue
            for values in different:
                same = [draft for draft in group if _values(draft) == values]
                self._write_class(same, [None] * len(names))

    def _write_class(self, group: Sequence[_Draft], names: Sequence[str | None]) -> None:
        """Write a class whose sizes are parameters where they have a name."""
        first = group[0]
        name = self._names(first.name)
        chosen = {each: number for number, each in reversed(list(enumerate(names))) if each is not None}
        order = sorted(chosen, key=chosen.__getitem__)
        for draft in group:
            values = _values(draft)
            given = tuple(Argument(each, values[chosen[each]], named=len(order) > 2) for each in order)
            self._made[id(draft.source), draft.module.content] = Made(Make(name, given), draft.keys)
        types = {each: _type([_values(draft)[chosen[each]] for draft in group]) for each in order}
        sizes = iter([Code(each) if each else own for each, own in zip(names, _values(first), strict=True)])
        attributes = [(own, with_numbers(maker, sizes), buffer) for own, maker, buffer in first.attributes]
        base = "nn.Sequential" if first.module.is_chain else "nn.Module"
        self.text += ["", "", f"class {name}({base}):", *_about(group)]
        if attributes:
            given = "".join(f", {each}: {kind}" for each, kind in types.items())
            self._define(f"__init__(self{given}) -> None")
            if first.module.is_chain:
                ((_, chain, _),) = attributes
                begin, *others = written(chain, LINE - 9)
                begin = begin.replace("nn.Sequential", "super().__init__", 1)
                self.text += [f"        {line}" for line in (begin, *others)]
                return
            self.text.append("        super().__init__()")
            for own, maker, buffer in attributes:
                self.text += [f"        {line}" for line in _attribute(own, maker, buffer)]
            self.text.append("")
        taken = "".join(f", {each}: Tensor" for each in parameters(first.module))
        count = len(first.module.outputs)
        gives = "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"
        self._define(f"forward(self{taken}) -> {gives}")
        self.text += [f"        {line}" for line in first.forward]

    def _define(self, said: str) -> None:
        self.text += [f"    {line}" for line in wrapped(f"def {said}:", LINE - 4)]


def _needs_class(module: Module) -> bool:
    """Whether a module is more than a layer or a chain of such; the whole model may be a chain of chains."""
    if module.layer is not None:
        return False
    return not module.is_chain or (
        bool(module.path)
        and any(each.layer is None and not _needs_class(each) for each in module.inner.values())
    )


def _heights(module: Module) -> list[tuple[Module, int]]:
    """The modules that need a class, with how many classes stand above each other in each."""
    found: list[tuple[Module, int]] = []

    def height(each: Module) -> int:
        if each.layer is not None:
            return 0
        highest = max(map(height, each.inner.values()), default=0)
        if not _needs_class(each):
            return highest
        found.append((each, highest + 1))
        return highest + 1

    height(module)
    return found


def _values(draft: _Draft) -> tuple[object, ...]:
    return tuple(each.value for each in draft.sizes)


def _empty(tensor: Tensor, buffer: bool) -> Make:
    sizes = tuple(Argument("size", size) for size in tensor.shape) or (Argument("shape", Code("()")),)
    kind = Argument("dtype", Code(tensor.dtype), Code("torch.float32"))
    empty = Make("torch.empty", (*sizes, kind))
    return empty if buffer else Make("nn.Parameter", (empty,))


def _attribute(name: str, maker: Maker, buffer: bool) -> list[str]:
    room = LINE - len(name) - 16
    if not buffer:
        first, *others = written(maker, room)
        return [f"self.{name} = {first}", *others]
    (line,) = written(maker, 10 * LINE)
    return [f'self.register_buffer("{name}", {line})']


def _type(values: Sequence[object]) -> str:
    kinds = {"tuple[int, ...]" if isinstance(value, tuple) else "int" for value in values}
    return " | ".join(sorted(kinds))


def _about(group: Sequence[_Draft]) -> list[str]:
    """A docstring that says where the modules stand in the original."""
    paths = list(dict.fromkeys(comment(draft.module.path) for draft in group if draft.module.path))
    if not paths:
        return []
    shown = next((count for count in range(_SHOWN, 1, -1) if len(", ".join(paths[:count])) < LINE - 30), 1)
    more = f" and {len(paths) - shown} more" if len(paths) > shown else ""
    return [f'    """{", ".join(paths[:shown])[: LINE - 30]}{more}."""', ""]

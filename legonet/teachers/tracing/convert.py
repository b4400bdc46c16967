"""What torch.export traced becomes a graph of operations. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import SymInt, Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx.node import map_aggregate

from legonet.errors import TeacherError
from legonet.graph.suggest import listed
from legonet.ir.graph import DTYPES, INPUT, ModelGraph, Operation, TensorSpec
from legonet.ops.table import ROWS
from legonet.teachers.tracing.evaluation import UnknownCallError, is_own, short
from legonet.teachers.tracing.functionalise import SAME, function_name, functionalise
from legonet.teachers.tracing.inline import inlined
from legonet.teachers.tracing.traced import Traced

LARGEST_CONSTANT = 2**24  # elements
_FOLDER = "constants"

_CHECKS = frozenset(
    ["_assert_async", "_assert_scalar", "_assert_tensor_metadata", "sym_constrain_range", "sym_size"]
)
# What takes a tensor only to know its numbers' type and its place.
_NEW = frozenset(["new_zeros", "new_ones", "new_full", "new_empty"])
# Other names of the same operation.
_ALSO = {
    "absolute": "abs", "adjoint": "mH", "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2",
    "clip": "clamp", "concatenate": "concat", "fix": "trunc", "linalg_matmul": "matmul", "negative": "neg",
    "row_stack": "vstack", "special_digamma": "digamma", "special_erf": "erf", "special_erfc": "erfc",
    "special_exp2": "exp2", "special_expit": "sigmoid",
    "special_expm1": "expm1", "special_gammaln": "lgamma", "special_log1p": "log1p",
    "special_logsumexp": "logsumexp", "special_psi": "digamma",
    **{
        f"{long}.{form}": f"{short}.{form}"
        for long, short in {
            "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne",
        }.items()
        for form in ("Scalar", "Tensor")
    },
}  # fmt: skip
_EMPTY = {"empty.memory_format": "zeros", "empty_like": "zeros_like", "new_empty": "new_zeros"}
_CASTS = frozenset(("to.dtype", "to.device", "to.dtype_layout", "to.other", "_to_copy", "type_as"))
_DROPPED = frozenset(("device", "pin_memory", "layout", "memory_format", "non_blocking", "copy", "out"))


class Converter:
    """Converts one program.

    Args:
        program: Not decomposed, with a batch of any size.
        where: What messages call the model.
    """

    def __init__(self, program: ExportedProgram, where: str) -> None:
        self._program, self._where = program, where
        self._steps: dict[str, Operation] = {}
        self._tensors: dict[str, TensorSpec] = {}
        self._constants: dict[str, Tensor] = {}
        self._laid_anew = False  # whether a constant is kept in another order of memory than the model's
        self._as_kept: dict[str, dict[str, str]] = {}  # each of both, as an argument
        # What each node has become: an argument in JSON, or a constant that is known already.
        self._values: dict[fx.Node, Any] = {}
        self._known: dict[fx.Node, Any] = {}
        try:
            self._graph = inlined(program.graph_module)
            functionalise(self._graph)
        except UnknownCallError as error:
            raise self._error(error.node, str(error)) from error
        self._names = _names(self._graph)

    def convert(self, outputs: Sequence[int]) -> Traced:
        """Convert the program up to one of its outputs, or to several, joined along the last axis.

        Raises:
            TeacherError: An operation is not on the list, or an argument follows the input's size.
        """
        # In the order of the placeholders; names are not kept when a graph with an `input` is copied.
        specs = iter(self._program.graph_signature.input_specs)
        for node in self._graph.nodes:
            if node.op == "placeholder":
                self._place(node, next(specs))
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                results = zip(node.args[0], self._program.graph_signature.output_specs, strict=True)
                given = [each for each, spec in results if spec.kind == OutputKind.USER_OUTPUT]
                found = [given[each] for each in outputs]
                last, *others = [self._result(each) for each in found]
                if others:
                    refs = [{"ref": each} for each in (last, *others)]
                    last = "output.joined"
                    self._steps[last] = Operation(last, "cat", (refs, -1), {}, "output")
                types = dict.fromkeys(map(self._type, found))
                return Traced(
                    ModelGraph(self._steps, last, self._tensors),
                    self._constants,
                    any(map(_reorders, self._graph.nodes)) or self._laid_anew,
                    " and ".join(types),
                )
        raise AssertionError("a graph without output")

    def _place(self, node: fx.Node, spec: Any) -> None:
        kind, target = spec.kind, spec.target
        if kind == InputKind.USER_INPUT:
            if INPUT in self._values.values():
                raise TeacherError(
                    f"{self._where}: it takes a second input, '{node.name}'; expected one tensor"
                )
            self._values[node] = {"ref": INPUT}
            return
        if kind not in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            raise TeacherError(
                f"{self._where}: it holds '{target}', a {kind.name.lower()}; expected tensors; leave it out"
            )
        if kind == InputKind.CONSTANT_TENSOR or spec.persistent is False:
            value = self._program.constants.get(target)
            if not isinstance(value, Tensor) or value.is_meta:
                raise NoConstantsError(f"{self._where}: the constant '{target}' has no values")
            self._known[node] = value.detach().cpu().clone()
            return
        value = self._program.state_dict.get(target)
        tensor = node.meta["val"] if value is None else value
        self._values[node] = self._kept(target, tensor, kind == InputKind.BUFFER, target)

    def _call(self, node: fx.Node) -> None:
        if function_name(node) == "item" and node.args[0] in self._known:
            self._values[node] = self._known[node.args[0]].item()  # type: ignore[index]
            return
        if isinstance(node.meta.get("val"), int | SymInt | torch.SymBool) or node.meta.get("val") is None:
            return  # a size, which is read where it is used, or a check that gives nothing
        name = function_name(node)
        packet = name.split(".")[0]
        if packet in _CHECKS:
            return
        if packet in SAME:
            self._same(node, node.args[0])
        elif self._is_constant(node, packet):
            self._fold(node)
        elif packet in _CASTS or name in _CASTS:
            self._cast(node)
        else:
            self._add(node, _EMPTY.get(name) or _ALSO.get(name, name))

    def _same(self, node: fx.Node, source: Any) -> None:
        if source in self._known:
            self._known[node] = self._known[source]
        else:
            self._values[node] = self._argument(source, node)

    def _is_constant(self, node: fx.Node, packet: str) -> bool:
        """Whether it follows neither the input, nor a weight, nor the batch's size."""
        inputs = _nodes((node.args[1:] if packet in _NEW else node.args, node.kwargs))
        for each in inputs:
            value = each.meta.get("val")
            if isinstance(value, SymInt) or (each not in self._known and not isinstance(value, int)):
                return False
        return True

    def _fold(self, node: fx.Node) -> None:
        """Compute a constant."""

        def known(value: Any) -> Any:
            if isinstance(value, fx.Node):
                found = self._known.get(value)
                if found is None:
                    meta = value.meta["val"]
                    return torch.empty((), dtype=meta.dtype) if isinstance(meta, Tensor) else meta
                return found
            return torch.device("cpu") if isinstance(value, torch.device) else value

        arguments: Any = map_aggregate(node.args, known)
        keywords: Any = dict(map_aggregate(node.kwargs, known))  # type: ignore[call-overload]
        if "device" in keywords:
            keywords["device"] = torch.device("cpu")
        target: Any = node.target
        self._known[node] = target(*arguments, **keywords)

    def _cast(self, node: fx.Node) -> None:
        """A change of the numbers' type; a change of place is none, since a module is in one place."""
        source: Any = node.args[0]
        before, after = source.meta["val"], node.meta["val"]
        if before.dtype == after.dtype:
            self._same(node, node.args[0])
        else:
            dtype = {"dtype": str(after.dtype).removeprefix("torch.")}
            self._step(node, "to.dtype", (self._argument(node.args[0], node), dtype), {})

    def _add(self, node: fx.Node, name: str) -> None:
        if not isinstance(node.target, torch._ops.OpOverload) and name != "getitem":
            raise self._error(node, f"'{name}', which is not an operation on tensors")
        if name not in ROWS:
            known = "legonet's list (legonet.register_operation adds functions of tensors)"
            raise self._error(node, f"the operation '{name}' is not on {known}")
        given = self._places(node) if name == "index.Tensor" else node.args
        arguments = tuple(self._argument(each, node) for each in given)
        keywords = {
            key: self._argument(each, node) for key, each in node.kwargs.items() if key not in _DROPPED
        }
        self._step(node, name, arguments, keywords)

    def _places(self, node: fx.Node) -> list[Any]:
        """The arguments of an index, with places instead of truth values that are constants."""
        source, indices = node.args
        found: list[Any] = []
        for each in indices:  # type: ignore[union-attr]
            value = getattr(each, "meta", {}).get("val")
            if not isinstance(value, Tensor) or value.dtype != torch.bool:
                found.append(each)
            elif each in self._known:
                found += [self._constant(node, places) for places in self._known[each].nonzero(as_tuple=True)]
            else:
                raise self._error(node, "an index by truth values, of which nobody knows how many are true")
        return [source, found]

    def _step(
        self, node: fx.Node, function: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        name = self._names[node]
        self._steps[name] = Operation(name, function, arguments, keywords, _module(node))
        self._values[node] = {"ref": name}

    def _result(self, node: Any) -> str:
        value = self._values.get(node)
        if not isinstance(value, dict) or "ref" not in value or value["ref"] == INPUT:
            raise TeacherError(
                f"{self._where}: its output does not follow its input; expected a model that computes"
            )
        return value["ref"]

    def _type(self, node: fx.Node) -> str:
        """The type of the output's numbers; those without a derivative are refused."""
        kind = str(node.meta["val"].dtype).removeprefix("torch.")
        if not kind.startswith(("float", "bfloat")):
            raise TeacherError(
                f"{self._where}: its output is of {kind}; expected floating-point numbers, such as scores "
                "whose largest is taken; name another output, or give a model that returns those"
            )
        return kind

    def _argument(self, value: Any, node: fx.Node) -> Any:
        """An argument in JSON."""
        if isinstance(value, fx.Node):
            if value in self._values:
                return self._values[value]
            if value in self._known:
                return self._constant(value)
            return self._size(value.meta.get("val"), node)
        if isinstance(value, list | tuple):
            return [self._argument(each, node) for each in value]
        if isinstance(value, torch.dtype):
            name = str(value).removeprefix("torch.")
            if name not in DTYPES:
                raise self._error(node, f"numbers of type {name}")
            return {"dtype": name}
        if isinstance(value, dict):
            return value
        if isinstance(value, float) and math.isinf(value):
            return {"infinity": 1 if value > 0 else -1}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, SymInt):
            return self._size(value, node)
        raise self._error(node, f"an argument {value!r}")

    def _size(self, value: Any, node: fx.Node) -> Any:
        """A number, or a multiple of the batch's size."""
        if isinstance(value, int):
            return value
        if isinstance(value, SymInt):
            expression: Any = value.node.expr
            if expression.is_Integer:
                return int(expression)
            symbol, *others = expression.free_symbols
            factor = expression / symbol
            if not others and factor.is_Integer and not str(symbol).startswith("u"):
                return {"batch": int(factor)}
        raise self._error(node, f"a number that follows the input's size, {value}")

    def _constant(self, node: fx.Node, value: Any = None) -> dict[str, str]:
        value = self._known[node] if value is None else value
        if not isinstance(value, Tensor) or value.numel() > LARGEST_CONSTANT:
            raise self._error(node, "a constant that is not a tensor, or too large")
        for name, known in self._constants.items():
            if known.dtype == value.dtype and known.shape == value.shape and torch.equal(known, value):
                return self._as_kept[name]
        name = f"{_FOLDER}.{len(self._constants)}"
        self._constants[name] = value.clone().contiguous()
        self._laid_anew |= not value.is_contiguous()
        return self._kept(name, value, True, _module(node))

    def _kept(self, name: str, tensor: Tensor, buffer: bool, place: str) -> dict[str, str]:
        """A tensor of the model as an argument; a complex one is kept as pairs of real numbers."""
        real = torch.view_as_real(tensor) if tensor.dtype == torch.complex64 else tensor
        dtype = str(real.dtype).removeprefix("torch.")
        if dtype not in DTYPES:
            raise TeacherError(
                f"{self._where}.{place}: holds numbers of type {dtype}; expected one of "
                f"{listed(sorted(DTYPES))}; convert it"
            )
        self._tensors[name] = TensorSpec(tuple(real.shape), dtype, buffer)
        self._as_kept[name] = {"tensor": name}
        if real is not tensor:
            step = _fresh(f"{name}.complex", False, {INPUT, *self._steps})
            self._steps[step] = Operation(step, "view_as_complex", ({"tensor": name},), {}, place)
            self._as_kept[name] = {"ref": step}
        return self._as_kept[name]

    def _error(self, node: fx.Node, found: str) -> TeacherError:
        place = _module(node)
        line = _source(node)
        advice = "rewrite that line" if line else f"put another module in the place of {place or 'it'}"
        return TeacherError(
            f"{self._where}{'.' + place if place else ''}: {found}{f', at {line}' if line else ''}; "
            f"expected operations of a feed-forward network; {advice}"
        )


class NoConstantsError(TeacherError):
    """A model without values has constants that no weights file will give."""


def _reorders(node: fx.Node) -> bool:
    formats = (torch.channels_last, torch.channels_last_3d)
    return any(each in formats for each in (*node.args, *node.kwargs.values()))


def _nodes(value: Any) -> list[fx.Node]:
    found: list[fx.Node] = []
    fx.map_arg(value, found.append)
    return found


def _module(node: fx.Node) -> str:
    """The innermost module of the model whose forward pass calls the operation."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return stack[-1][0].removeprefix("L['self'].").removeprefix("L['self']") if stack else ""


def _source(node: fx.Node) -> str:
    """`file:line` of the model's own code, if torch kept it."""
    lines = (node.meta.get("stack_trace") or "").split("\n")
    places = [line.strip().removeprefix('File "') for line in lines if line.strip().startswith("File ")]
    for place in reversed(places):
        file, _, rest = place.partition('", line ')
        if is_own(file):
            return f"{short(file)}:{rest.split(',')[0]}"
    return ""


def _names(graph: fx.Graph) -> dict[fx.Node, str]:
    """A name for each result: its module's if that computes nothing else; else with the operation's."""
    calls = [node for node in graph.nodes if node.op == "call_function"]
    inside: dict[str, list[fx.Node]] = {}
    for node in calls:
        if not isinstance(node.meta.get("val"), int | SymInt | None):
            inside.setdefault(_module(node), []).append(node)
    within = {prefix for module in inside for prefix in _containers(module)}
    taken = {INPUT}
    names: dict[fx.Node, str] = {}
    for module, nodes in inside.items():
        functions = {_plain(node) for node in nodes}
        for node in nodes:
            alone = len(functions) == 1 and module and module not in within
            base = module if alone else ".".join(filter(None, (module, _plain(node))))
            several = [_plain(each) for each in nodes].count(_plain(node)) > 1
            names[node] = _fresh(base, several, taken)
    return names


def _containers(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _plain(node: fx.Node) -> str:
    return function_name(node).split(".")[0].strip("_")


def _fresh(base: str, several: bool, taken: set[str]) -> str:
    number, name = 1, f"{base}_1" if several else base
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name

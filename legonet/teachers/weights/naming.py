"""Which tensor of a file is which of a model, as scripts, wrappers and older versions name them.

A prefix before all names is taken off, or put on where the model is the wrapped one; what wrappers put
between is dropped wherever it stands; names that PyTorch has changed are read under both. What a file has
beside the model is left out only if it cannot be a part of it. Nothing is guessed from shapes alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# What torch.compile, checkpointing and sharding put between.
_BETWEEN = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")
COUNTER = "num_batches_tracked"
# Copies that are kept beside the weights: other ones come first.
_AVERAGES = ("ema", "teacher", "momentum", "target", "average")
# What libraries keep in a state dict at times, and compute themselves.
_COMPUTED = (
    "attn_mask",
    "inv_freq",
    "position_ids",
    "relative_coords_table",
    "relative_position_index",
    "total_ops",
    "total_params",
)
# What changed its name, or is a wrapper's; each is read as the other where that fits more of the model.
_RENAMED: tuple[tuple[str, str], ...] = (
    (r"\.module\.", "."),
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
    (r"\.weight_g$", ".parametrizations.weight.original0"),
    (r"\.weight_v$", ".parametrizations.weight.original1"),
    (r"\.parametrizations\.weight\.original0$", ".weight_g"),
    (r"\.parametrizations\.weight\.original1$", ".weight_v"),
)


@dataclass(frozen=True)
class Named:
    """The tensors of a file under a model's names.

    Attributes:
        tensors: By the model's name; those that it does not have too, by what is left of their own.
        left_out: Names in the file of what is no part of the model.
        notes: What was done to the names, as parts of a sentence.
    """

    tensors: dict[str, Tensor]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def named_for(
    weights: Mapping[str, Tensor], expected: Iterable[str], renames: Sequence[tuple[str, str]] = ()
) -> Named:
    """Find the names that fit most of a model's.

    Args:
        weights: As in the file.
        expected: The model's names.
        renames: Patterns of older names and what they became, as the model's own class knows them.
    """
    inside, plain = _without_wrappers(expected), _without_wrappers(weights)
    between = [each for each in _BETWEEN if any(each in name.split(".") for name in weights)]
    notes = [f"`{each}` was dropped" for each in between]
    best, prefix, own = _aligned(plain, inside)
    for pattern, new in (*renames, *_RENAMED):
        if best == len(inside):
            break
        changed = {re.sub(pattern, new, f".{name}")[1:]: given for name, given in plain.items()}
        found = _aligned(changed, inside)
        if len(changed) == len(plain) and found[0] > best:
            plain, (best, prefix, own) = changed, found
            notes.append(f"`{pattern.strip('$').replace(chr(92), '')}` was read as `{new}`")
    if prefix:
        notes.append(f"the prefix '{prefix}' was removed")
    if own:
        notes.append(f"the prefix '{own}' was added")
    tensors, left_out = dict[str, "Tensor"](), []
    tops = {name.removeprefix(own).partition(".")[0] for name in inside}
    for name, given in plain.items():
        within = name.startswith(prefix)
        rest = own + name.removeprefix(prefix) if within else name
        if within and rest in inside:
            tensors[inside[rest]] = weights[given]
        elif not within or _is_no_part(rest.removeprefix(own), weights[given], tops):
            left_out.append(given)
        else:
            tensors[rest] = weights[given]
    return Named(tensors, tuple(left_out), tuple(notes))


def _without_wrappers(names: Iterable[str]) -> dict[str, str]:
    """Names without what wrappers put between, with the ones that they were."""
    return {".".join(part for part in name.split(".") if part not in _BETWEEN): name for name in names}


def _aligned(given: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[int, str, str]:
    """How many of the model's names fit, the prefix of the file's names, and that of the model's."""
    found = []
    for own in _common_prefixes(wanted):
        rest = {name.removeprefix(own) for name in wanted}
        counts = Counter(name[:at] for name in given for at in _starts(name) if name[at:] in rest)
        found += [(count, prefix, own) for prefix, count in counts.items()]
    return max(found, key=_preference, default=(0, "", ""))


def _preference(found: tuple[int, str, str]) -> tuple[int, bool, int]:
    count, prefix, own = found
    average = any(word in part for part in prefix.split(".") for word in _AVERAGES)
    return count, not average, -len(prefix) - len(own)


def _starts(name: str) -> list[int]:
    return [0, *(at + 1 for at, letter in enumerate(name) if letter == ".")]


def _common_prefixes(names: Iterable[str]) -> list[str]:
    """The modules that all names are in, as prefixes, the empty one first."""
    first, *others = list(names) or [""]
    found = [first[:at] for at in _starts(first)]
    return [prefix for prefix in found if all(name.startswith(prefix) for name in others)]


def _is_no_part(name: str, tensor: Tensor, tops: set[str]) -> bool:
    """Whether a tensor cannot be a part of the model: of no module that it has, or one that it computes."""
    return (
        name.partition(".")[0] not in tops
        or name.rpartition(".")[2] in (*_COMPUTED, COUNTER)
        or not tensor.is_floating_point()
    )


def in_order(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The tensors under the model's names, one by one; None if a shape differs."""
    given = {name: value for name, value in weights.items() if not name.endswith(COUNTER)}
    wanted = [name for name in expected if not name.endswith(COUNTER)]
    if [value.shape for value in given.values()] != [expected[name].shape for name in wanted]:
        return None
    return dict(zip(wanted, given.values(), strict=True))

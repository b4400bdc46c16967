"""Modules by name, whatever the names are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from torch import nn

from legonet.errors import SelectError
from legonet.graph.suggest import listed
from legonet.ir.interpreter import Holder


class NamedModules(Holder):
    """Modules by name. Unlike nn.ModuleDict it takes names such as `train`, which a module has itself."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, module in modules.items():
            self._modules[name] = module

    def __getitem__(self, name: str) -> nn.Module:
        """A module by name.

        Raises:
            SelectError: There is none; the message names the group that it runs in, if it does.
        """
        if name not in self._modules:
            whole = next((each for each in self._modules if name in each.split("+")), None)
            part = f" '{name}' runs as part of '{whole}';" if whole else ""
            raise SelectError(
                f"found no module '{name}';{part} there are {listed(self._modules) or 'none'}; name one "
                "of them, or compile with passes that leave each module by itself, such as none"
            )
        return cast(nn.Module, self._modules[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

"""What a module of a graph is beside what it computes, which tests of graphs and of lowering hold."""

from __future__ import annotations

import copy
import pickle

import torch

from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.notation import layers_from_data


def chain(**layers: dict) -> GraphModule:
    return build_graph(lower(layers_from_data(layers)))


def test_its_text_names_operations_but_not_all_of_many() -> None:
    few = chain(conv={"type": "conv", "in": 3, "out": 4, "kernel": 1}, act={"type": "relu"})
    assert repr(few) == "GraphModule(conv: conv2d, act: relu)"
    many = chain(**{f"r{number}": {"type": "relu"} for number in range(20)})
    assert repr(many).endswith("r7: relu, … 12 more)")


def test_modules_called_as_a_module_s_own_flag() -> None:
    made = chain(**{"training.0": {"type": "linear", "in": 2, "out": 1}})
    assert list(made.train().eval().state_dict()) == ["training.0.weight", "training.0.bias"]
    assert not made.training


def test_copies_compute_with_weights_of_their_own() -> None:
    made = chain(fc={"type": "linear", "in": 2, "out": 1})
    made.load_state_dict({"fc.weight": torch.ones(1, 2), "fc.bias": torch.zeros(1)})
    for twin in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        twin.tensor("fc.weight").zero_()
        assert float(twin(torch.ones(1, 2))) == 0
        assert float(made(torch.ones(1, 2))) == 2

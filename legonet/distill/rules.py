"""One rule for each operation: how a gradient passes down through it, whatever the features.

Every operation is linearised at one point, `legonet.distill.nominal`; the ways down are in
`legonet.distill.pulls`. An operation that is linear in the features is not touched by the point: its rule is
its exact transpose.

Source: Zhang et al., arXiv:1804.10272, equation (4b) and appendix, for rectifiers, pooling and convolutions;
the nominal point for all others is legonet's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from legonet.blocks.aten import OPERATIONS
from legonet.distill import nominal, pulls
from legonet.distill.nominal import Call
from legonet.distill.pulls import Gradient
from legonet.errors import DistillError

Pull = Callable[[Call, Gradient], Sequence[Tensor | None]]
Nominal = Callable[[Call], Any]


@dataclass(frozen=True)
class Rule:
    """How one operation is treated.

    Attributes:
        pull: Takes the call and the gradient of its result to those of its data, in order; None is zero.
        nominal: The result's nominal value, from those of its data; None is zero.
        source: Where the rule is from.
    """

    pull: Pull
    nominal: Nominal
    source: str


def register(operation: str, pull: Pull, *, at: Nominal | None = None, source: str = "user's") -> None:
    """Add a rule for an operation, or replace it.

    Args:
        operation: Of `legonet.blocks.aten`, such as `erf`.
        pull: Takes the call and the gradient of its result to the gradients of its data, in order.
        at: Gives the result's nominal value from those of its data; default: zero.
        source: Where the rule is from.

    Raises:
        DistillError: There is no such operation.
    """
    if operation not in OPERATIONS:
        raise DistillError(
            f"operation '{operation}': not known; expected one of legonet.blocks.aten; correct its name"
        )
    RULES[operation] = Rule(pull, at or nominal.zero, source)


def _words(text: str) -> list[str]:
    return text.split()


_LINEAR = _words(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d avg_pool1d avg_pool2d avg_pool3d addmm batch_norm
    broadcast_to cat channel_shuffle chunk clone col2im concat constant_pad_nd contiguous conv1d
    conv1d.padding conv3d conv_transpose1d conv_transpose2d.input conv_transpose3d.input cumsum expand
    expand_as fft_irfft2 fft_rfft2 flatten.using_ints flip gather getitem grid_sampler im2col
    index.Tensor index_put index_select lerp.Scalar masked_fill.Scalar masked_fill.Tensor mean mean.dim
    movedim.int movedim.intlist moveaxis.int narrow neg numpy_T pad permute pixel_shuffle pixel_unshuffle
    reflection_pad2d repeat repeat_interleave.self_int replication_pad2d reshape reshape_as roll
    select.int select_scatter slice.Tensor slice_scatter split.Tensor split.sizes split_with_sizes
    squeeze squeeze.dim squeeze.dims stack sum sum.dim_IntList swapaxes swapdims t tensor_split.indices
    tensor_split.sections tile to.dtype transpose.int tril triu type_as unbind.int unflatten.int unfold
    unsqueeze upsample_bicubic2d.vec upsample_bilinear2d.vec upsample_nearest2d.vec
    _upsample_bicubic2d_aa.vec _upsample_bilinear2d_aa.vec view view_as view_as_complex view_as_real
    where.ScalarOther where.ScalarSelf where.self
    """
)
_SUMS = _words(
    """
    add.Scalar add.Tensor rsub.Scalar rsub.Tensor sub.Scalar sub.Tensor subtract.Tensor
    """
)
_PRODUCTS = _words("bilinear bmm dot einsum matmul mm mul.Scalar mul.Tensor multiply.Tensor mv outer")
_MIXED = ["addcmul", "baddbmm", "lerp.Tensor"]
_QUOTIENTS = _words("addcdiv div.Scalar div.Tensor divide.Tensor true_divide.Tensor")
_SMOOTH = _words(
    """
    clamp_max cos erf exp glu gru.input lstm.input hardsigmoid log log1p log_sigmoid log_softmax.int
    reciprocal rsqrt sigmoid sin softmax.int sqrt tanh pow.Scalar pow.Tensor_Tensor
    """
)
_SIZES = _words(
    """
    abs linalg_norm linalg_vector_norm norm.ScalarOpt_dim std.correction std.dim var.correction var.dim
    """
)
_MADE = _words("fill.Scalar fill.Tensor zero full_like new_full new_ones new_zeros ones_like zeros_like")
_RECTIFIED = _words(
    """
    celu clamp clamp_min elu gelu hardswish hardtanh leaky_relu mish prelu relu relu6 selu silu softplus
    """
)

_PAPER = "arXiv:1804.10272, equation (4b)"
_EXACT = "linear: its transposed Jacobian"
_POINT = "its derivative at the nominal point"

RULES: dict[str, Rule] = {
    **dict.fromkeys(_LINEAR, Rule(pulls.transposed, nominal.affine, _EXACT)),
    **dict.fromkeys(_SUMS, Rule(pulls.transposed, nominal.summed, _EXACT)),
    **dict.fromkeys(_PRODUCTS, Rule(pulls.multiplied, nominal.product, f"product rule: {_POINT}")),
    **dict.fromkeys(_MIXED, Rule(pulls.transposed, nominal.affine, f"product rule: {_POINT}")),
    "scaled_dot_product_attention": Rule(
        pulls.transposed, nominal.zero, f"{_POINT}: attention to all alike; Vaswani et al., arXiv:1706.03762"
    ),
    **dict.fromkeys(_QUOTIENTS, Rule(pulls.divided, nominal.quotient, f"product rule: {_POINT}")),
    **dict.fromkeys(_SMOOTH, Rule(pulls.transposed, nominal.computed, _POINT)),
    **dict.fromkeys(_SIZES, Rule(pulls.transposed, nominal.ones, f"{_POINT}; features have size 1")),
    **dict.fromkeys(_MADE, Rule(pulls.transposed, nominal.computed, "follows no value")),
    **dict.fromkeys(
        ("square", "pow.Tensor_Scalar"), Rule(pulls.transposed, nominal.squared, f"{_POINT}; squares are 1")
    ),
    **dict.fromkeys(
        ("conv2d", "conv2d.padding"), Rule(pulls.convolved, nominal.affine, f"{_EXACT}; {_PAPER}")
    ),
    "linear": Rule(pulls.linear, nominal.affine, f"{_EXACT}; {_PAPER}"),
    **dict.fromkeys(_RECTIFIED, Rule(pulls.rectified, nominal.affine, f"a mask, as a ReLU's; {_PAPER}")),
    **dict.fromkeys(
        ("max_pool1d", "max_pool2d", "max_pool3d"),
        Rule(pulls.averaged, nominal.affine, f"average pooling; {_PAPER}"),
    ),
    **dict.fromkeys(
        ("adaptive_max_pool1d", "adaptive_max_pool2d"), Rule(pulls.adaptive, nominal.zero, "average pooling")
    ),
    **dict.fromkeys(("amax", "amin", "max.dim"), Rule(pulls.greatest, nominal.affine, "the mean")),
    **dict.fromkeys(("maximum", "minimum"), Rule(pulls.shared, nominal.affine, "the mean")),
    "layer_norm": Rule(pulls.layer_norm, nominal.zero, "Ba et al., arXiv:1607.06450, deviation 1"),
    "group_norm": Rule(pulls.group_norm, nominal.zero, "Wu and He, arXiv:1803.08494, deviation 1"),
    "instance_norm": Rule(pulls.instance_norm, nominal.zero, "Ulyanov et al., arXiv:1607.08022, deviation 1"),
    "rms_norm": Rule(
        pulls.rms_norm, nominal.zero, "Zhang and Sennrich, arXiv:1910.07467, root mean square 1"
    ),
}
"""By operation; `register` adds to it."""

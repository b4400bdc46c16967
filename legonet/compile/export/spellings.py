"""What Python calls ATen's operations, where it has a name for the same arguments in order."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPERATORS = {
    "add": "+",
    "sub": "-",
    "subtract": "-",
    "mul": "*",
    "multiply": "*",
    "div": "/",
    "divide": "/",
    "true_divide": "/",
    "matmul": "@",
    "eq": "==",
    "ne": "!=",
    "ge": ">=",
    "gt": ">",
    "le": "<=",
    "lt": "<",
    "bitwise_and": "&",
    "bitwise_or": "|",
}
"""Of two arguments, by the operation without its form."""

FUNCTIONAL = _words("""
    adaptive_avg_pool1d adaptive_avg_pool2d avg_pool1d avg_pool2d avg_pool3d celu conv1d conv1d.padding
    conv2d conv2d.padding conv3d conv_transpose1d conv_transpose2d.input conv_transpose3d.input gelu glu
    hardsigmoid hardswish hardtanh leaky_relu linear max_pool1d max_pool2d max_pool3d mish pad pixel_shuffle
    pixel_unshuffle prelu relu relu6 scaled_dot_product_attention selu silu softplus
""")
"""Functions of torch.nn.functional."""

TORCH = _words("""
    abs addcmul addmm arange arange.start arange.start_step baddbmm bilinear bitwise_not bmm cat
    channel_shuffle clamp clamp_max clamp_min concat cos cumsum dot einsum erf exp flip floor full full_like
    gather index_select linspace log log1p logical_and logical_not logical_or maximum minimum mm mv neg ones
    ones_like outer reciprocal roll round rsqrt rsub.Scalar scalar_tensor sigmoid sign sin sqrt square stack
    tanh tril triu where.ScalarOther where.ScalarSelf where.self zeros zeros_like
""")
"""Functions of torch."""

METHODS = _words("""
    amax amin chunk clone contiguous expand expand_as flatten.using_ints masked_fill.Scalar
    masked_fill.Tensor mean mean.dim movedim.int movedim.intlist narrow permute repeat reshape reshape_as
    split.Tensor split_with_sizes squeeze squeeze.dim squeeze.dims sum sum.dim_IntList swapaxes swapdims t
    tile to.dtype transpose.int type_as unbind.int unflatten.int unsqueeze view view_as
""")
"""Methods of a tensor."""

SPREAD = _words("expand permute repeat reshape tile view")
"""Methods whose list people write as arguments."""

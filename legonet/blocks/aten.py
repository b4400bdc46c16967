"""The operations that a model's graph may consist of: ATen's names, without side effects. Needs no torch.

All are PyTorch's own. None reads a file, draws a random number or calls back into Python; what writes into
its argument is replaced by its pure form when a model is taken in.
"""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


_ELEMENTWISE = _words(
    """
    abs add.Scalar add.Tensor addcmul addcdiv cos div.Scalar div.Tensor div.Tensor_mode erf exp eq.Scalar
    eq.Tensor ge.Scalar gt.Scalar le.Scalar lt.Scalar lt.Tensor ge.Tensor floor floor_divide fmod.Scalar
    log log1p logical_and logical_not logical_or masked_fill.Scalar masked_fill.Tensor maximum minimum
    mul.Scalar mul.Tensor ne.Scalar ne.Tensor neg pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar
    reciprocal remainder.Scalar round rsqrt rsub.Scalar rsub.Tensor sign sin sqrt square sub.Scalar
    sub.Tensor where.ScalarOther where.ScalarSelf where.self lerp.Scalar lerp.Tensor multiply.Tensor
    subtract.Tensor divide.Tensor true_divide.Tensor bitwise_and.Tensor bitwise_not bitwise_or.Tensor
    """
)

RECTIFIERS = frozenset(
    _words(
        """
    celu clamp clamp_min elu gelu hardswish hardtanh leaky_relu mish prelu relu relu6 selu silu softplus
    """
    )
)
"""What lets a unit pass where it is active and stops it where it is not: where pullbacks have masks."""

_GATES = _words(
    """
    glu hardsigmoid log_sigmoid sigmoid tanh log_softmax.int softmax.int clamp_max
    """
)

_WEIGHTED = _words(
    """
    addmm baddbmm batch_norm bilinear bmm conv1d conv1d.padding conv2d conv2d.padding conv3d
    conv_transpose1d conv_transpose2d.input conv_transpose3d.input einsum group_norm instance_norm
    gru.input layer_norm linear lstm.input matmul mm mv dot outer rms_norm scaled_dot_product_attention
    embedding
    """
)

_POOLS = _words(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d amax amin avg_pool1d
    avg_pool2d avg_pool3d linalg_norm linalg_vector_norm max.dim max_pool1d max_pool2d max_pool3d mean
    mean.dim norm.ScalarOpt_dim std.correction std.dim sum sum.dim_IntList var.correction var.dim cumsum
    """
)

_SHAPES = _words(
    """
    broadcast_to cat channel_shuffle chunk clone concat constant_pad_nd contiguous expand expand_as
    flatten.using_ints flip getitem index.Tensor index_select gather im2col col2im movedim.int
    movedim.intlist moveaxis.int narrow numpy_T pad permute pixel_shuffle pixel_unshuffle
    reflection_pad2d repeat repeat_interleave.self_int replication_pad2d reshape reshape_as roll
    select.int slice.Tensor split.Tensor split.sizes split_with_sizes squeeze squeeze.dim squeeze.dims
    stack swapaxes swapdims t tensor_split.indices tensor_split.sections tile to.dtype transpose.int tril
    triu type_as unbind.int unflatten.int unfold unsqueeze upsample_bicubic2d.vec upsample_bilinear2d.vec
    upsample_nearest2d.vec _upsample_bilinear2d_aa.vec _upsample_bicubic2d_aa.vec grid_sampler view
    view_as fft_rfft2 fft_irfft2 view_as_real view_as_complex meshgrid meshgrid.indexing slice_scatter
    select_scatter index_put
    """
)

_MADE = _words(
    """
    arange arange.start arange.start_step full full_like linspace new_full new_ones new_zeros ones
    ones_like scalar_tensor zeros zeros_like zero fill.Scalar fill.Tensor
    """
)

OPERATIONS = frozenset([*_ELEMENTWISE, *RECTIFIERS, *_GATES, *_WEIGHTED, *_POOLS, *_SHAPES, *_MADE])
"""Every operation that is known, without the `.default` of a function's only form."""

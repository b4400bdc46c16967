"""The layers that legonet knows: how each is made, and how a module is described as one. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from legonet.blocks.rescale import Rescale
from legonet.ir import notation


@dataclass(frozen=True)
class Kind:
    """One type of layer.

    Attributes:
        module: The nn.Module's class.
        make: Layer and device to module.
        describe: Module to the layer's plain data, without its type; raises ValueError saying what no
            layer can express.
    """

    module: type[nn.Module]
    make: Callable[[Any, str], nn.Module]
    describe: Callable[[Any], dict[str, Any]]


def _pair(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


def _conv_padding(module: nn.Conv2d) -> tuple[int, ...]:
    if not isinstance(module.padding, str):
        return module.padding
    if module.padding == "valid":
        return (0, 0)
    total = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    if any(t % 2 for t in total):
        raise ValueError(f"padding 'same' of kernel {module.kernel_size} is not the same on both sides")
    return tuple(t // 2 for t in total)


def _describe_conv(module: nn.Conv2d) -> dict[str, Any]:
    return _describe_convolution(module) | {"padding": _conv_padding(module)}


def _describe_conv_transpose(module: nn.ConvTranspose2d) -> dict[str, Any]:
    return _describe_convolution(module) | {
        "padding": module.padding,
        "output-padding": module.output_padding,
    }


def _describe_convolution(module: nn.Conv2d | nn.ConvTranspose2d) -> dict[str, Any]:
    if module.padding_mode != "zeros":
        raise ValueError(f"padding_mode '{module.padding_mode}'; only 'zeros' is known")
    return {
        "in": module.in_channels,
        "out": module.out_channels,
        "kernel": module.kernel_size,
        "stride": module.stride,
        "dilation": module.dilation,
        "groups": module.groups,
        "bias": module.bias is not None,
    }


def _make_conv(layer: notation.Conv, device: str) -> nn.Module:
    return nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=layer.bias,
        device=device,
    )


def _make_conv_transpose(layer: notation.ConvTranspose, device: str) -> nn.Module:
    return nn.ConvTranspose2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel,
        stride=layer.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=layer.bias,
        device=device,
    )


def _make_linear(layer: notation.Linear, device: str) -> nn.Module:
    return nn.Linear(layer.in_features, layer.out_features, bias=layer.bias, device=device)


def _describe_linear(module: nn.Linear) -> dict[str, Any]:
    return {"in": module.in_features, "out": module.out_features, "bias": module.bias is not None}


def _make_max_pool(layer: notation.MaxPool, device: str) -> nn.Module:
    return nn.MaxPool2d(layer.kernel, layer.stride, layer.padding, layer.dilation, ceil_mode=layer.ceil)


def _describe_max_pool(module: nn.MaxPool2d) -> dict[str, Any]:
    if module.return_indices:
        raise ValueError("return_indices=True; only the maxima are known")
    return {
        "kernel": _pair(module.kernel_size),
        "stride": _pair(module.stride),
        "padding": _pair(module.padding),
        "dilation": _pair(module.dilation),
        "ceil": module.ceil_mode,
    }


def _make_avg_pool(layer: notation.AvgPool, device: str) -> nn.Module:
    return nn.AvgPool2d(layer.kernel, layer.stride, layer.padding, layer.ceil, layer.count_padding)


def _describe_avg_pool(module: nn.AvgPool2d) -> dict[str, Any]:
    if module.divisor_override is not None:
        raise ValueError(f"divisor_override={module.divisor_override}; only the mean is known")
    return {
        "kernel": _pair(module.kernel_size),
        "stride": _pair(module.stride),
        "padding": _pair(module.padding),
        "ceil": module.ceil_mode,
        "count-padding": module.count_include_pad,
    }


def _describe_adaptive(module: nn.AdaptiveAvgPool2d) -> dict[str, Any]:
    size = _pair(module.output_size)
    if None in size:
        raise ValueError(f"output_size {module.output_size} follows the input; only fixed sizes are known")
    return {"size": size}


def _describe_flatten(module: nn.Flatten) -> dict[str, Any]:
    if (module.start_dim, module.end_dim) != (1, -1):
        raise ValueError(
            f"axes {module.start_dim} to {module.end_dim}; only 1 to -1, all but the batch, are known"
        )
    return {}


def _make_dropout(layer: notation.Dropout, device: str) -> nn.Module:
    return nn.Dropout2d(layer.probability) if layer.channels else nn.Dropout(layer.probability)


def _make_batch_norm(layer: notation.BatchNorm, device: str) -> nn.Module:
    return nn.BatchNorm2d(layer.channels, eps=layer.epsilon, affine=layer.affine, device=device)


def _describe_batch_norm(module: nn.BatchNorm2d) -> dict[str, Any]:
    if not module.track_running_stats:
        raise ValueError("track_running_stats=False; only recorded statistics are known")
    return {"channels": module.num_features, "epsilon": module.eps, "affine": module.affine}


def _make_upsample(layer: notation.Upsample, device: str) -> nn.Module:
    scale = None if layer.scale is None else tuple(float(factor) for factor in layer.scale)
    return nn.Upsample(
        size=layer.size, scale_factor=scale, mode=layer.mode, align_corners=_align_corners(layer)
    )


def _align_corners(layer: notation.Upsample) -> bool | None:
    return False if layer.mode == "bilinear" else None


def _describe_upsample(module: nn.Upsample) -> dict[str, Any]:
    if module.mode not in ("bilinear", "nearest"):
        raise ValueError(f"mode '{module.mode}'; bilinear and nearest are known")
    if module.align_corners:
        raise ValueError("align_corners=True; only False is known")
    if module.size is not None:
        return {"size": _pair(module.size), "mode": module.mode}
    scale = _pair(module.scale_factor)
    if any(float(factor) != int(factor) for factor in scale):
        raise ValueError(f"scale_factor {module.scale_factor}; only whole factors are known")
    return {"scale": tuple(int(factor) for factor in scale), "mode": module.mode}


KINDS: dict[str, Kind] = {
    "conv": Kind(nn.Conv2d, _make_conv, _describe_conv),
    "conv-transpose": Kind(nn.ConvTranspose2d, _make_conv_transpose, _describe_conv_transpose),
    "linear": Kind(nn.Linear, _make_linear, _describe_linear),
    "relu": Kind(nn.ReLU, lambda layer, device: nn.ReLU(), lambda module: {}),
    "max-pool": Kind(nn.MaxPool2d, _make_max_pool, _describe_max_pool),
    "avg-pool": Kind(nn.AvgPool2d, _make_avg_pool, _describe_avg_pool),
    "adaptive-avg-pool": Kind(
        nn.AdaptiveAvgPool2d,
        lambda layer, device: nn.AdaptiveAvgPool2d(layer.size),
        _describe_adaptive,
    ),
    "flatten": Kind(nn.Flatten, lambda layer, device: nn.Flatten(), _describe_flatten),
    "dropout": Kind(
        nn.Dropout,
        _make_dropout,
        lambda module: {"probability": module.p, "channels": isinstance(module, nn.Dropout2d)},
    ),
    "identity": Kind(nn.Identity, lambda layer, device: nn.Identity(), lambda module: {}),
    "batch-norm": Kind(nn.BatchNorm2d, _make_batch_norm, _describe_batch_norm),
    "upsample": Kind(nn.Upsample, _make_upsample, _describe_upsample),
    "rescale": Kind(Rescale, lambda layer, device: Rescale().to(device), lambda module: {}),
}
"""Every layer type of `legonet.ir.notation`, and nothing else."""

MODULES: dict[type[nn.Module], str] = {kind.module: name for name, kind in KINDS.items()} | {
    nn.Dropout2d: "dropout",
    nn.UpsamplingBilinear2d: "upsample",
    nn.UpsamplingNearest2d: "upsample",
}
"""Module class to layer type; a subclass may compute something else, so only these very classes count."""


def make_layer(layer: notation.Layer, device: str = "cpu") -> nn.Module:
    """Make the module of one layer, with torch's usual random weights.

    Raises:
        ValueError: The layer's numbers contradict each other, such as groups that do not divide channels.
    """
    return KINDS[layer.type].make(layer, device)


def describe_module(module: nn.Module) -> notation.Layer | None:
    """Describe a module as a layer.

    Returns:
        The layer; None if the module is of no known kind.

    Raises:
        ValueError: The kind is known, but an option is not.
    """
    name = MODULES.get(type(module))
    if name is None:
        return None
    return notation.layer({"type": name} | KINDS[name].describe(module))

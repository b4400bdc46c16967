"""Models that nobody here wrote, by name: of torchvision, timm, and what others build on them.

They have random weights. What is not installed is not listed. Those of transformers are made from their
configurations, with few and narrow layers: what is tried is their kind, not their size.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torchvision
from torch import Tensor, nn


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# One small member of each family.
TIMM = _words("""
    bat_resnext26ts beit_base_patch16_224 botnet26t_256 caformer_s18 cait_xxs24_224 coat_lite_tiny coat_tiny
    coatnet_nano_rw_224 convformer_s18 convit_tiny convmixer_768_32 convnext_atto convnextv2_atto cpubone_nano
    crossvit_tiny_240 cs3darknet_focus_s cs3darknet_s csatv2 cspdarknet53 cspnext_tiny cspresnet50 darknet53
    davit_tiny deit3_small_patch16_224 deit_tiny_distilled_patch16_224 deit_tiny_patch16_224 densenet121 dla34
    dla60_res2net dm_nfnet_f0 dpn48b eca_botnext26ts_256 eca_nfnet_l0 eca_resnet33ts ecaresnet26t
    edgenext_xx_small efficientformer_l1 efficientformerv2_s0 efficientnet_b0 efficientnet_b0_gn
    efficientvim_m1 efficientvit_b0 efficientvit_m0 ese_vovnet19b_slim_dw eva02_tiny_patch14_224 fasternet_t0
    fastvit_mci0 fastvit_t8 fbnetc_100 fbnetv3_b focalnet_tiny_srf gcresnet33ts gcvit_xxtiny gernet_s
    ghostnet_100 ghostnetv2_100 ghostnetv3_050 gmixer_24_224 gmlp_ti16_224 halonet26t hardcorenas_a hgnetv2_b0
    hiera_tiny_224 hieradet_small hrnet_w18_small iformer_t inception_next_atto inception_next_tiny
    inception_resnet_v2 inception_v3 inception_v4 lambda_resnet26t lcnet_050 lcnetv2_small legacy_seresnet18
    legacy_xception levit_128s levit_conv_128s lowformer_b0 mambaout_femto maxvit_pico_rw_256 mixer_s32_224
    mixnet_s mnasnet_small mobilenet_edgetpu_v2_xs mobilenetv2_050 mobilenetv3_small_050
    mobilenetv4_conv_small mobilenetv4_hybrid_medium mobilenetv5_base mobileone_s0 mobilevit_xxs
    mobilevitv2_050 mvitv2_tiny naflexvit_base_patch16_gap nest_tiny nextvit_small nf_regnet_b0 nf_resnet50
    pit_ti_224 poolformer_s12 poolformerv2_s12 pvt_v2_b0 pvt_v2_b2_li rdnet_tiny regnetv_040 regnetx_002
    regnety_002
    regnetz_b16 repghostnet_050 repvgg_a0 repvit_m1 res2net50_26w_4s resmlp_12_224 resnest14d resnet10t
    resnet18d resnetaa50 resnetrs50 resnetv2_50 resnetv2_50d_gn resnetv2_50x1_bit resnext50_32x4d rexnet_100
    rexnetr_100 sam2_hiera_tiny samvit_base_patch16_224 selecsls42 semnasnet_075 sequencer2d_s seresnet18
    shvit_s1 skresnet18 spnasnet_100 starnet_s050 swiftformer_xs swin_s3_tiny_224 swin_tiny_patch4_window7_224
    swinv2_cr_tiny_224 swinv2_tiny_window8_256 test_vit_relpos tf_efficientnet_lite0 tf_efficientnetv2_b0
    tiny_vit_5m_224 tinynet_e tnt_s_patch16_224 tresnet_m twins_pcpvt_small twins_svt_small vgg11 vgg11_bn
    visformer_tiny vit_small_resnet26d_224 vit_tiny_patch16_224 vit_tiny_r_s16_p8_224 vitamin_small_224
    volo_d1_224 vovnet39a wide_resnet50_2 xception41 xception41p xcit_nano_12_p16_224
""")

# The parts of torchvision's detectors before boxes are chosen: backbone, and head.
HEADS = _words("""
    fasterrcnn_mobilenet_v3_large_320_fpn fasterrcnn_mobilenet_v3_large_fpn fasterrcnn_resnet50_fpn
    fasterrcnn_resnet50_fpn_v2 fcos_resnet50_fpn keypointrcnn_resnet50_fpn maskrcnn_resnet50_fpn
    maskrcnn_resnet50_fpn_v2 retinanet_resnet50_fpn retinanet_resnet50_fpn_v2 ssd300_vgg16
    ssdlite320_mobilenet_v3_large
""")

# Architecture, and its encoder.
SEGMENTATION_MODELS = (
    *(f"{name}/resnet18" for name in _words("""
        Unet UnetPlusPlus MAnet Linknet FPN PSPNet DeepLabV3 DeepLabV3Plus PAN UPerNet Segformer
    """)),
    *(f"Unet/{name}" for name in _words("""
        densenet121 dpn68 efficientnet-b0 inceptionresnetv2 inceptionv4 mit_b0 mobilenet_v2 mobileone_s0
        resnext50_32x4d se_resnet50 timm-efficientnet-b0 timm-regnetx_002 timm-resnest14d tu-convnext_atto
        vgg11_bn xception
    """)),
    "FPN/mobilenet_v2", "Segformer/mit_b0", "UPerNet/mit_b0", "DeepLabV3Plus/mobilenet_v2",
)  # fmt: skip

# Type of configuration, and the class that is made of it.
TRANSFORMERS = (
    *(
        f"{name}:ImageClassification"
        for name in _words("""
        beit bit convnext convnextv2 cvt data2vec-vision deit dinov2 dinov2_with_registers efficientnet
        focalnet hgnet_v2 hiera ijepa levit mobilenet_v1 mobilenet_v2 mobilevit mobilevitv2 poolformer pvt
        pvt_v2 regnet resnet segformer siglip swiftformer swin swinv2 vit vit_msn
    """)
    ),
    *(
        f"{name}:SemanticSegmentation"
        for name in _words("beit data2vec-vision dpt mobilenet_v2 mobilevit mobilevitv2 segformer upernet")
    ),
    *(f"{name}:DepthEstimation" for name in _words("depth_anything dpt glpn")),
    *(f"{name}:ObjectDetection" for name in _words("yolos")),
    *(f"{name}:Backbone" for name in _words("convnext dinov2 resnet swin vitdet")),
)
NARROW: Mapping[str, int] = {
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}

# Where the defaults make no model.
CONFIGURED: Mapping[str, Mapping[str, Any]] = {
    "beit:SemanticSegmentation": {"out_indices": [3, 5, 7, 11]},
    "convnext:Backbone": {"hidden_sizes": [96, 192, 384, 768]},
}

# By the name of the file that describes it.
ULTRALYTICS = _words("""
    yolov3-tiny yolov5n yolov6n yolov8n yolov8n-cls yolov8n-obb yolov8n-pose yolov8n-seg yolov9t yolov10n
    yolo11n yolo11n-cls yolo11n-obb yolo11n-pose yolo11n-seg yolo12n
""")


def list_models(groups: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Group and name of each model that is installed; of all groups, or of these."""
    vision, detection = torchvision.models, torchvision.models.detection
    named = {
        "classification": [f"torchvision:{name}" for name in vision.list_models(module=vision)],
        "segmentation": [f"torchvision:{name}" for name in vision.list_models(module=vision.segmentation)],
        "detection": [f"torchvision:{name}" for name in vision.list_models(module=detection)],
        "heads": [f"torchvision:{name}" for name in HEADS],
        "timm": [f"timm:{name}" for name in TIMM] if _installed("timm") else [],
        "segmentation_models": [f"segmentation_models_pytorch:{name}" for name in SEGMENTATION_MODELS],
        "transformers": [f"transformers:{name}" for name in TRANSFORMERS],
        "ultralytics": [f"ultralytics:{name}" for name in ULTRALYTICS],
    }
    chosen = set(groups or named)
    return [
        (group, name)
        for group, names in named.items()
        for name in names
        if group in chosen and _installed(name.partition(":")[0])
    ]


def family_of(group: str, name: str) -> str:
    """What members of one family share: the library's code, for all its sizes.

    Of torchvision's classifiers the file that they are in; of segmentation models the architecture, or the
    encoder of a U-Net; of transformers the type of the configuration; else each is its own.
    """
    library, _, model = name.partition(":")
    if group == "classification":
        return f"{library}:{torchvision.models.get_model_builder(model).__module__.rpartition('.')[2]}"
    if group == "transformers":
        return name.rpartition(":")[0]
    return name.removesuffix("/resnet18")


def _installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def build(group: str, name: str) -> nn.Module:
    """A model of the list, with random weights."""
    library, _, model = name.partition(":")
    if group in ("detection", "heads"):
        detector = torchvision.models.get_model(model, weights=None, weights_backbone=None)
        return detector.get_submodule("backbone") if group == "detection" else Raw(detector)
    return _BUILDERS[library](model)


class Raw(nn.Module):
    """What a detector of torchvision gives before boxes are chosen, joined.

    Args:
        detector: FCOS, RetinaNet or SSD; of the others what proposes regions.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.backbone = detector.get_submodule("backbone")
        proposes = hasattr(detector, "rpn")
        self.head = detector.get_submodule("rpn.head" if proposes else "head")

    def forward(self, images: Tensor) -> Tensor:
        """Scores and boxes, as numbers for each image."""
        given = self.head(list(self.backbone(images).values()))
        found = given.values() if isinstance(given, dict) else [each for part in given for each in part]
        return torch.cat([each.flatten(1) for each in found], 1)


def _of_torchvision(name: str) -> nn.Module:
    none: dict[str, Any] = (
        {}
        if name in torchvision.models.list_models(module=torchvision.models)
        else {"weights_backbone": None}
    )
    return torchvision.models.get_model(name, weights=None, **none)


def _of_timm(name: str) -> nn.Module:
    return importlib.import_module("timm").create_model(name, pretrained=False)


def _of_segmentation_models(name: str) -> nn.Module:
    architecture, _, encoder = name.partition("/")
    library = importlib.import_module("segmentation_models_pytorch")
    return getattr(library, architecture)(encoder, encoder_weights=None, classes=2)


def _of_transformers(name: str) -> nn.Module:
    kind, _, purpose = name.partition(":")
    library = importlib.import_module("transformers")
    config = library.AutoConfig.for_model(kind, **CONFIGURED.get(f"{kind}:{purpose}", {}))
    for key, value in NARROW.items():
        if isinstance(getattr(config, key, None), int) and not (
            key.startswith("num_hidden") and (purpose == "Backbone" or _taps(config))
        ):
            setattr(config, key, value)
    config.architectures = config.architectures or []  # where a type has several classes, the first is made
    owner = library.AutoBackbone if purpose == "Backbone" else getattr(library, f"AutoModelFor{purpose}")
    return owner.from_config(config)


def _taps(config: Any) -> bool:
    """Whether a configuration says which layers are read, so that their number has to stay."""
    return any(len(getattr(config, name, None) or ()) > 1 for name in ("out_indices", "backbone_out_indices"))


def _of_ultralytics(name: str) -> nn.Module:
    tasks = importlib.import_module("ultralytics.nn.tasks")
    _, _, purpose = name.partition("-")
    kinds = {"cls": "Classification", "obb": "OBB", "pose": "Pose", "seg": "Segmentation"}
    kind = getattr(tasks, f"{kinds.get(purpose, 'Detection')}Model")
    return kind(f"{name}.yaml", verbose=False)


_BUILDERS: Mapping[str, Callable[[str], nn.Module]] = {
    "torchvision": _of_torchvision,
    "timm": _of_timm,
    "segmentation_models_pytorch": _of_segmentation_models,
    "transformers": _of_transformers,
    "ultralytics": _of_ultralytics,
}

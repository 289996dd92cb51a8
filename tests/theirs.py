"""What is theirs: words of diffusers for ours, and a small network."""

import torch
from diffusers import UNet2DModel

NAMES = {"linear": "linear", "cosine": "squaredcos_cap_v2"}
TYPES = {"eps": "epsilon", "x0": "sample", "v": "v_prediction"}


def small_unet(classes=None):
    """A small network of theirs, with random weights."""
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=8,
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        num_class_embeds=classes,
    ).eval()

"""Three networks to begin with, and what each of them costs."""

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """The arguments of a TimeUNet, and what it costs.

    For pictures in colour, without classes; ``gflop`` counts the operations
    in billions of one pass forward for one picture of the side, and a step
    of training takes three times as many.
    """

    network: dict[str, Any]  # arguments of TimeUNet
    side: int  # of the pictures it is made for, in pixels
    parameters: int  # in all
    gflop: float  # of one picture of this side


PRESETS = {
    "small": Preset(  # for one core of a CPU
        {
            "base_channels": 24,
            "patch": 2,
            "levels": 3,
            "attention": 2,
            "blocks": 1,
        },
        side=32,
        parameters=485_604,
        gflop=0.0443,
    ),
    "medium": Preset(  # for one GPU
        {
            "base_channels": 64,
            "patch": 2,
            "levels": 4,
            "attention": 2,
            "blocks": 2,
        },
        side=64,
        parameters=11_997_964,
        gflop=1.86,
    ),
    "large": Preset(  # for a large GPU, or several
        {
            "base_channels": 128,
            "patch": 2,
            "levels": 4,
            "attention": 2,
            "blocks": 2,
        },
        side=128,
        parameters=47_916_556,
        gflop=29.5,
    ),
}

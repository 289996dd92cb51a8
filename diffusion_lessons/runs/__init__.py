"""A model of one's own: from a folder of pictures to samples."""

from .config import RunConfig
from .export import to_diffusers
from .flop import gflop
from .load import LoadedRun, load_run
from .pictures import open_pictures
from .presets import PRESETS, Preset
from .store import Store
from .train import train_run

__all__ = [
    "PRESETS",
    "LoadedRun",
    "Preset",
    "RunConfig",
    "Store",
    "gflop",
    "load_run",
    "open_pictures",
    "to_diffusers",
    "train_run",
]

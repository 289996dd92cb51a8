"""Folders of runs that were never trained, made in a moment."""

import json

import torch
from torch import nn

from diffusion_lessons import NoiseSchedule, TimeUNet, save_checkpoint

NETWORK = {"base_channels": 8, "levels": 3, "attention": 1}
CLASSES = ("cat", "dog", "7")


class Saved:
    """What has a state_dict, as save_checkpoint wants."""

    def __init__(self, tree):
        self.tree = tree

    def state_dict(self):
        return self.tree


def network(seed, config):
    """A network whose answers depend on all that it is told."""
    torch.manual_seed(seed)
    model = TimeUNet(**config)
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    return model.eval()


def tree(config, step, ema=True):
    """What a checkpoint holds, as far as a sampler asks."""
    averaged = network(step + 1, config).state_dict()
    return {
        "model": network(step, config).state_dict(),
        "ema": {"model": averaged, "updates": step} if ema else None,
        "betas": NoiseSchedule.cosine(200).betas[1:].clone(),
        "step": step,
    }


def run_folder(
    out, classes=CLASSES, shape=(3, 8, 8), steps=(20,), ema=True, **more
):
    """A run in *out*: the last of *steps*, and the others kept."""
    config = NETWORK | {
        "in_channels": shape[0],
        "num_classes": len(classes),
    }
    config |= more
    facts = {
        "network": config,
        "shape": list(shape),
        "classes": list(classes),
        "predicts": "v",
        "schedule": "cosine",
        "num_steps": 200,
        "pictures": "nowhere",
        "size": shape[-1],
    }
    (out / "kept").mkdir(parents=True)
    (out / "config.json").write_text(json.dumps(facts))
    for step in steps[:-1]:
        path = out / "kept" / f"step_{step:06d}.safetensors"
        save_checkpoint(path, Saved(tree(config, step, ema)))
    last = Saved(tree(config, steps[-1], ema))
    save_checkpoint(out / "last.safetensors", last)
    return out

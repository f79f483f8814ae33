"""Numbers that both sides compute, so that nothing is downloaded. The twin of formula.mjs."""

import math
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "test" / "reference"))

import numpy as np
import torch

from formula import hash32


def bits(name, start, stop):
    """Whole numbers in [0, 2^32): MurmurHash3's last steps on a counter that starts at the hash of the name."""
    x = np.arange(start, stop, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(hash32(name))
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def integers(name, size, limit):
    """Whole numbers in [0, limit), such as token ids."""
    return (bits(name, 0, size) / 2**32 * limit).astype(np.int64)


def set_lora(model):
    """Gives every LoRA A matrix the formula's values; B is 0 as PEFT leaves it."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_A.default" in name:
                short = name.removeprefix("base_model.model.").replace(".default.weight", "")
                values = (bits(short, 0, parameter.numel()) / 2**31 - 1) / math.sqrt(parameter.shape[1])
                parameter.copy_(torch.from_numpy(values.astype(np.float32)).view_as(parameter))

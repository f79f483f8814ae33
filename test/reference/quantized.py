"""Weights in NF4 (double quantisation) and INT8 as bitsandbytes makes them on a CPU, for test/nn/quantized.test.ts.

usage: python quantized.py        writes quantized.json beside this file; needs bitsandbytes 0.50.2 beside what requirements.txt lists
"""

import base64
import platform
from pathlib import Path

import bitsandbytes
import bitsandbytes.functional as F
import numpy as np
import torch
from formula import noise, write


def base(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def values_of(name, shape):
    """Small numbers more often than large ones; the second block of 64 is 0."""
    n = noise(name, int(np.prod(shape)))
    values = 0.3 * n * n * n
    values[64:128] = 0
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def nf4(name, shape):
    weight = values_of(name, shape)
    codes, state = F.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
    full = F.dequantize_4bit(codes, state)
    return {
        "name": name,
        "shape": shape,
        "codes": base(codes.numpy()),
        "magnitudes": base(state.absmax.numpy()),
        "scales": base(state.state2.absmax.numpy()),
        "mean": float(state.offset),
        "tail": base(full.numpy().flatten()[-700:]),
    }


def int8(name, shape):
    codes, steps, _ = F.int8_vectorwise_quant(values_of(name, shape))
    full = F.int8_vectorwise_dequant(codes, steps)
    return {"name": name, "shape": shape, "codes": base(codes.numpy()), "tail": base(full.numpy().flatten()[-700:])}


write(
    Path(__file__).with_name("quantized.json"),
    {
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "bitsandbytes": bitsandbytes.__version__},
        "dynamic": base(F.create_dynamic_map().numpy()),
        "nf4": [nf4("odd", [13, 37]), nf4("even", [33, 512]), nf4("short", [1, 131])],
        "int8": [int8("odd", [13, 37]), int8("square", [24, 24])],
    },
)

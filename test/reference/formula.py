"""Weights and token ids that Python and TypeScript both compute: the twin of test/formula.ts."""

import json
import platform
import tempfile
from pathlib import Path

import numpy as np
import torch


def hash32(text):
    """FNV-1a, finalised as in MurmurHash3."""
    h = 0x811C9DC5
    for unit in text.encode("utf-16-le")[::2]:
        h = ((h ^ unit) * 0x01000193) & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return h ^ (h >> 16)


def noise(name, size):
    """Numbers in [-1, 1) from a linear congruential generator that starts at the hash of the name."""
    state, values = hash32(name), np.empty(size)
    for i in range(size):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[i] = state / 2**31 - 1
    return values


def formula_tensor(name, shape):
    """Norm weights around 1, all else around 0; f32."""
    values = 0.3 * noise(name, int(np.prod(shape)))
    if len(shape) == 1 and name.endswith(".weight"):
        values = values + 1
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def formula_ids(name, size, vocab):
    return [int((value + 1) / 2 * vocab) for value in noise(name, size)]


def formula_model(raw):
    """The transformers model of a config.json, with the formula's weights, in evaluation mode."""
    from transformers import AutoConfig, AutoModelForCausalLM

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(raw))
        config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    model.tie_weights()
    model.name_or_path = f"tiny-{raw['model_type']}"
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(formula_tensor(name, parameter.shape))
    return model


def versions():
    import peft
    import transformers

    return {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}


def rounded(values, digits=6):
    return [float(f"%.{digits}g" % value) for value in torch.as_tensor(values).double().flatten().tolist()]


def summary(tensor):
    """What is stored of a long tensor: its length as a vector and eight of its entries, evenly spread."""
    flat = tensor.detach().double().flatten()
    at = [i * (len(flat) - 1) // 7 for i in range(8)]
    return {"norm": rounded([flat.norm()], 8)[0], "entries": rounded(flat[at], 8)}


def write(path, content):
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size, "bytes")

"""The peer: LoRA steps with transformers and PEFT. Its only argument is a case as JSON, its last line of output the result."""

import json
import math
import os
import resource
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.append(str(Path(__file__).parents[2] / "test" / "reference"))

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, GPT2Config

from formula import hash32, versions


def bits(name, start, stop):
    """Whole numbers in [0, 2^32): MurmurHash3's last steps on a counter that starts at the hash of the name. The twin of step.mjs."""
    x = np.arange(start, stop, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(hash32(name))
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def fill(parameter, name, bound):
    """Numbers in [-bound, bound), a part at a time so that memory does not peak here."""
    flat = parameter.data.view(-1)
    for start in range(0, flat.numel(), 1 << 20):
        stop = min(start + (1 << 20), flat.numel())
        flat[start:stop] = torch.from_numpy(((bits(name, start, stop) / 2**31 - 1) * bound).astype(np.float32))


def initial(name, parameter, layers):
    if parameter.dim() == 1:
        parameter.data.fill_(0 if name.endswith(".bias") else 1)
    else:
        spread = 0.02 / math.sqrt(2 * layers) if name.endswith("c_proj.weight") else 0.02
        fill(parameter, name, spread * math.sqrt(3))


def model_of(case):
    raw = {key: value for key, value in case["config"].items() if key != "model_type"}
    model = AutoModelForCausalLM.from_config(GPT2Config(**raw, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, use_cache=False))
    for name, parameter in model.named_parameters():
        initial(name, parameter, raw["n_layer"])
    config = LoraConfig(task_type="CAUSAL_LM", r=case["rank"], lora_alpha=case["alpha"], target_modules="all-linear", lora_dropout=0.0, fan_in_fan_out=True)
    model = get_peft_model(model, config)
    for name, parameter in model.named_parameters():
        if "lora_A" in name:
            fill(parameter, name.removeprefix("base_model.model.").replace(".default.weight", ""), 1 / math.sqrt(parameter.shape[1]))
    return model.train()


def best_threads(model, ids):
    """Torch's fastest number of threads on this machine: the best of two passes over one row, for each candidate."""
    cores = len(os.sched_getaffinity(0))
    counts = sorted({1, max(1, cores // 2), cores})
    found = {}
    for count in counts:
        torch.set_num_threads(count)
        passes = []
        for _ in range(3):
            began = time.perf_counter()
            model(input_ids=ids[:1], labels=ids[:1]).loss.backward()
            passes.append(time.perf_counter() - began)
        found[count] = min(passes[1:])
    model.zero_grad()
    return min(counts, key=found.get), found


def main():
    case = json.loads(sys.argv[1])
    model = model_of(case)
    vocab, length = case["config"]["vocab_size"], case["time"]
    ids = torch.from_numpy(np.stack([(bits(f"row {i}", 0, length) / 2**32 * vocab).astype(np.int64) for i in range(case["batch"])]))
    threads, tried = best_threads(model, ids)
    torch.set_num_threads(threads)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=case["learningRate"], weight_decay=0.0)
    losses, seconds = [], []
    for _ in range(case["warmUpSteps"] + case["timedSteps"]):
        began = time.perf_counter()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
    parameters = {"frozen": sum(p.numel() for p in model.parameters() if not p.requires_grad), "trained": sum(p.numel() for p in trained)}
    about = {**versions(), "threads": threads, "secondsByThreads": {str(k): round(v, 3) for k, v in tried.items()}, "parameters": parameters}
    print(json.dumps({"losses": losses, "seconds": seconds, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "about": about}))


if __name__ == "__main__":
    main()

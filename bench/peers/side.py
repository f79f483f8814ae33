"""What all peers share: their settings, the search for torch's best ones, and the one line that they end with."""

import gc
import json
import os
import platform
import resource
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "true"

import torch

from formula_numbers import integers, set_lora

SETTINGS = json.loads(sys.argv[1])


def thread_counts():
    cores = len(os.sched_getaffinity(0))
    return sorted({1, max(1, cores // 2), cores}, reverse=True)


def tune(axes, trial):
    """The fastest settings, one after the other with the others held at their best so far, and the seconds of each tried."""
    best, tried = {name: values[0] for name, values in axes.items()}, {}
    for name, values in axes.items():
        seconds = {}
        for value in values:
            passes = []
            for _ in range(3):
                began = time.perf_counter()
                trial({**best, name: value})
                passes.append(time.perf_counter() - began)
            seconds[value] = min(passes[1:])
        best[name] = min(seconds, key=seconds.get)
        tried[name] = {str(value): round(found, 4) for value, found in seconds.items()}
    gc.collect()
    return best, tried


def use(model, settings):
    """Sets what `tune` chose; unknown names are left to the caller."""
    torch.set_num_threads(settings["threads"])
    if "attention" in settings:
        model.set_attn_implementation(settings["attention"])


def autocast(precision):
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16")


def lora_config():
    from peft import LoraConfig

    return LoraConfig(task_type="CAUSAL_LM", r=SETTINGS["rank"], lora_alpha=SETTINGS["alpha"], target_modules="all-linear", lora_dropout=0.0, fan_in_fan_out=SETTINGS["modelType"] == "gpt2")


def load_model():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(SETTINGS["modelFolder"], dtype=torch.float32)


def load_adapted():
    from peft import get_peft_model

    model = get_peft_model(load_model(), lora_config())
    set_lora(model)
    return model


def tune_training(model, axes, tokens=256):
    """Tries the settings of a training step on one row of tokens."""
    ids = torch.from_numpy(integers("row 0", tokens, model.config.vocab_size))[None]

    def trial(settings):
        use(model, settings)
        with autocast(settings.get("precision", "f32")):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()

    best, tried = tune(axes, trial)
    model.zero_grad()
    use(model, best)
    return best, tried


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def product_gflops(precision, size, runs):
    a = torch.rand(size, size).to(torch.bfloat16 if precision == "bf16" else torch.float32)
    best = 0.0
    for _ in range(runs):
        began = time.perf_counter()
        a @ a
        best = max(best, 2 * size**3 / (time.perf_counter() - began) / 1e9)
    return best


def matmul_gflops(precision):
    """The best of five products of two large matrices in this process; of smaller ones where a large one would take minutes."""
    small = product_gflops(precision, 512, 3)
    return product_gflops(precision, 2048, 5) if small > 10 else small


def precisions():
    """The precisions worth trying where the best one is wanted: a processor without bf16 arithmetic needs minutes for a single step."""
    if SETTINGS["precision"] == "f32":
        return ["f32"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so that other work on the machine disturbs less
    plain, low = product_gflops("f32", 256, 5), product_gflops("bf16", 256, 3)
    torch.set_num_threads(threads)
    return ["bf16", "f32"] if low > plain / 4 else ["f32"]


def versions():
    from importlib.metadata import version

    return {"python": platform.python_version(), **{name: version(name) for name in ["torch", "transformers", "peft", "trl"]}}


def finish(speed, peak, results, chosen=None, tried=None, figures=None):
    """`speed`: in the case's unit. `chosen`, `tried`: of `tune`. `figures`: further numbers."""
    chosen = {**(chosen or {}), "threads": torch.get_num_threads()}
    line = {"speed": speed, "peakBytes": peak, "results": results, "chosen": chosen, "tried": tried or {}, "figures": figures or {}, "versions": versions()}
    print("\n" + json.dumps(line))

"""Losses, gradients, optimizer steps and adapters of torch, transformers and PEFT on the formula's weights.

usage: python training.py     writes training.json, optim.json, activations.json, peft-gpt2/ and peft-llama/ beside this file
"""

import os
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from formula import formula_ids, formula_model, formula_tensor, rounded, summary, versions, write
from models import CONFIGS, GPT2, LLAMA, VOCAB, logits_of, padded

HERE = Path(__file__).parent
LLAMA_BIASED = CONFIGS["llama, biases"]
ROWS = [formula_ids(f"batch {i}", length, VOCAB) for i, length in enumerate([11, 6, 14])]
TARGETS = [formula_ids(f"targets {i}", len(row), 2) for i, row in enumerate(ROWS)]

ADAPTED = {
    "gpt2, all linear": (GPT2, {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}),
    "gpt2, queries keys values, rank-stabilised": (GPT2, {"r": 4, "lora_alpha": 8, "target_modules": ["c_attn"], "use_rslora": True}),
    "llama, all linear": (LLAMA, {"r": 3, "lora_alpha": 6, "target_modules": "all-linear"}),
    "llama, queries and values, rank-stabilised": (LLAMA_BIASED, {"r": 4, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"], "use_rslora": True}),
}
FULL = {
    "gpt2, tied": GPT2,
    "llama, untied, biases": LLAMA_BIASED,
    "mistral, window of 4": CONFIGS["mistral, window of 4"],
    "qwen3, tied": CONFIGS["qwen3"],
}


def loss_and_gradients(model):
    inputs = padded(ROWS, "right")
    labels = torch.full_like(inputs["input_ids"], -100)
    for i, (row, targets) in enumerate(zip(ROWS, TARGETS)):
        labels[i, : len(row)] = torch.tensor([token if target else -100 for token, target in zip(row, targets)])
    loss = model(**inputs, labels=labels).loss
    loss.backward()
    return {"loss": rounded([loss.detach()], 8)[0], "count": int((labels[:, 1:] != -100).sum())}


def short(name):
    """`base_model.model.a.b.lora_A.default.weight` is our `a.b.lora_A`."""
    return name.removeprefix("base_model.model.").replace(".default.weight", "")


def adapted(raw, settings):
    config = LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, fan_in_fan_out=raw["model_type"] == "gpt2", **settings)
    model = get_peft_model(formula_model(raw), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(formula_tensor(short(name), parameter.shape))
    return model.eval()


def gradient_cases():
    cases = []
    for name, (raw, settings) in ADAPTED.items():
        model = adapted(raw, settings)
        result = loss_and_gradients(model)
        gradients = {short(n): summary(p.grad) for n, p in model.named_parameters() if p.requires_grad}
        cases.append({"name": name, "config": raw, "lora": settings, **result, "gradients": gradients})
    for name, raw in FULL.items():
        model = formula_model(raw)
        result = loss_and_gradients(model)
        cases.append({"name": name, "config": raw, "lora": None, **result, "gradients": {n: summary(p.grad) for n, p in model.named_parameters()}})
    return cases


def peft_folders():
    """Small adapters as PEFT writes them, and the logits of what it loads again."""
    found = []
    for kind, raw, targets in [("gpt2", GPT2, ["c_attn"]), ("llama", LLAMA, ["q_proj", "down_proj"])]:
        folder = HERE / f"peft-{kind}"
        shutil.rmtree(folder, ignore_errors=True)
        adapted(raw, {"r": 2, "lora_alpha": 8, "target_modules": targets}).save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        (folder / "adapter_model.safetensors").chmod(0o644)
        logits = logits_of(PeftModel.from_pretrained(formula_model(raw), folder).eval(), ROWS, "right")
        found.append({"folder": folder.name, "config": raw, "last": [rounded(row[-1]) for row in logits], "bytes": sum(f.stat().st_size for f in folder.iterdir())})
        print(folder.name, found[-1]["bytes"], "bytes")
    return found


def adamw_case(name, *, steps=10, learning_rate, weight_decay, max_norm, scheduler):
    matrix, vector = (torch.nn.Parameter(formula_tensor(f"adamw {n}", shape)) for n, shape in [("matrix", (3, 4)), ("vector", (4,))])
    groups = [{"params": [matrix], "weight_decay": weight_decay}, {"params": [vector], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8)
    rates = scheduler(optimizer)
    trace = []
    for step in range(steps):
        for label, parameter in [("matrix", matrix), ("vector", vector)]:
            parameter.grad = 10 * formula_tensor(f"gradient {label} {step}", parameter.shape)
        norm = torch.nn.utils.clip_grad_norm_([matrix, vector], max_norm) if max_norm else torch.tensor(0.0)
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        rates.step()
        trace.append({"rate": rate, "norm": rounded([norm], 8)[0], "matrix": rounded(matrix.detach(), 8), "vector": rounded(vector.detach(), 8)})
    return {"name": name, "learningRate": learning_rate, "weightDecay": weight_decay, "maxNorm": max_norm, "trace": trace}


def schedule_case(name, steps, warmup, make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    rates, scheduler = [], make(optimizer)
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return {"kind": name, "steps": steps, "warmupSteps": warmup, "rates": rates}


def optim():
    linear = lambda o: get_linear_schedule_with_warmup(o, 2, 10)
    flat = lambda o: get_constant_schedule_with_warmup(o, 0)
    return {
        "versions": versions(),
        "adamw": [
            adamw_case("plain", learning_rate=1e-2, weight_decay=0.0, max_norm=None, scheduler=flat),
            adamw_case("decay", learning_rate=1e-2, weight_decay=0.1, max_norm=None, scheduler=flat),
            adamw_case("decay, clipping, warm-up and decay of the rate", learning_rate=1e-2, weight_decay=0.1, max_norm=1.0, scheduler=linear),
        ],
        "schedules": [
            schedule_case("linear", 10, 0, lambda o: get_linear_schedule_with_warmup(o, 0, 10)),
            schedule_case("linear", 10, 3, lambda o: get_linear_schedule_with_warmup(o, 3, 10)),
            schedule_case("cosine", 10, 3, lambda o: get_cosine_schedule_with_warmup(o, 3, 10)),
            schedule_case("constant", 10, 4, lambda o: get_constant_schedule_with_warmup(o, 4)),
        ],
    }


def activations():
    """Values and slopes, also far out."""
    points = [-500.0, -60.0, -10.0, -3.0, -1.0, -0.25, 0.0, 1e-4, 0.5, 1.0, 2.5, 10.0, 60.0, 500.0]
    gelu = torch.nn.functional.gelu
    functions = {"gelu_new": lambda x: gelu(x, approximate="tanh"), "gelu": gelu, "silu": torch.nn.functional.silu, "relu": torch.relu}
    cases = {}
    for name, f in functions.items():
        x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
        y = f(x)
        y.sum().backward()
        cases[name] = {"values": rounded(y.detach(), 8), "slopes": rounded(x.grad, 8)}
    return {"points": points, "cases": cases}


if __name__ == "__main__":
    write(HERE / "training.json", {"versions": versions(), "rows": ROWS, "targets": TARGETS, "cases": gradient_cases(), "peft": peft_folders()})
    write(HERE / "optim.json", optim())
    write(HERE / "activations.json", {"versions": versions(), **activations()})

"""The peer: LoRA steps with transformers and PEFT; in bf16 by autocast, unless f32 is faster on this machine."""

import time

from side import SETTINGS, autocast, finish, load_adapted, matmul_gflops, peak_bytes, precisions, thread_counts, tune_training

import numpy as np
import torch

from formula_numbers import integers


def main():
    model = load_adapted().train()
    recompute = SETTINGS["recompute"]
    if recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    chosen, tried = tune_training(model, {"threads": thread_counts(), "precision": precisions(), "attention": ["sdpa", "eager"]}, SETTINGS["time"])
    precision = chosen["precision"]
    rows = [integers(f"row {i}", SETTINGS["time"], model.config.vocab_size) for i in range(SETTINGS["batch"])]
    ids = torch.from_numpy(np.stack(rows))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=SETTINGS["learningRate"], weight_decay=0.0)
    losses, seconds = [], []
    for _ in range(SETTINGS["steps"]):
        began = time.perf_counter()
        with autocast(precision):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
    timed = seconds[SETTINGS["warmUp"] :]
    speed, peak = len(timed) * ids.numel() / sum(timed), peak_bytes()
    parameters = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    matmul = matmul_gflops(precision)
    used = speed * parameters * (6 if recompute else 4) / 1e9
    finish(speed, peak, {"losses": losses}, chosen, tried, {"matmulGflops": matmul, "fractionOfMatmul": used / matmul})


if __name__ == "__main__":
    main()

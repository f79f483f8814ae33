"""Logits of transformers' models on the formula's weights, for test/models/forward.test.ts. Usage: python models.py (writes models.json)."""

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from formula import formula_ids, formula_model, rounded, versions, write

HERE = Path(__file__).parent
VOCAB = 61
LENGTHS = [9, 14, 5]

GPT2 = {"model_type": "gpt2", "vocab_size": VOCAB, "n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 32}
DECODER = {
    "vocab_size": VOCAB, "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2,
    "intermediate_size": 48, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
}
LLAMA = {"model_type": "llama", **DECODER}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
CONFIGS = {
    "gpt2": GPT2,
    "gpt2, untied, other width and activation": {**GPT2, "tie_word_embeddings": False, "n_inner": 40, "activation_function": "gelu"},
    "llama, as many key heads as heads, tied": {**LLAMA, "num_key_value_heads": 4, "tie_word_embeddings": True},
    "llama, grouped queries, untied": {**LLAMA, "tie_word_embeddings": False},
    "llama, biases": {**LLAMA, "attention_bias": True, "mlp_bias": True},
    "llama, heads wider than hidden": {**LLAMA, "head_dim": 12, "rope_theta": 500.0},
    "llama, llama3 scaling, old spelling": {**LLAMA, "rope_theta": 100.0, "rope_scaling": {"rope_type": "llama3", **LLAMA3}},
    "llama, llama3 scaling, new spelling": {**LLAMA, "rope_parameters": {"rope_type": "llama3", "rope_theta": 100.0, **LLAMA3}},
    "llama, linear scaling, old spelling": {**LLAMA, "rope_scaling": {"type": "linear", "factor": 2.5}},
    "llama, linear scaling, new spelling": {**LLAMA, "rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5}},
    "mistral, window of 4": {**DECODER, "model_type": "mistral", "sliding_window": 4},
    "mistral, no window": {**DECODER, "model_type": "mistral", "sliding_window": None, "head_dim": 8},
    "qwen2": {**DECODER, "model_type": "qwen2", "tie_word_embeddings": True},
    "qwen2, window of 3": {**DECODER, "model_type": "qwen2", "use_sliding_window": True, "sliding_window": 3, "max_window_layers": 0},
    "qwen3": {**DECODER, "model_type": "qwen3", "head_dim": 12, "tie_word_embeddings": True},
    "qwen3, biases, window of 5": {
        **DECODER, "model_type": "qwen3", "head_dim": 8, "attention_bias": True, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 0,
    },
}


def padded(rows, side):
    time = max(map(len, rows))
    ids, mask = torch.zeros(len(rows), time, dtype=torch.long), torch.zeros(len(rows), time, dtype=torch.long)
    for i, row in enumerate(rows):
        at = slice(time - len(row), time) if side == "left" else slice(0, len(row))
        ids[i, at], mask[i, at] = torch.tensor(row), 1
    return {"input_ids": ids, "attention_mask": mask, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}


def logits_of(model, rows, side):
    """The logits of each row's own tokens."""
    inputs = padded(rows, side)
    with torch.no_grad():
        logits = model(**inputs).logits
    return [logits[i][inputs["attention_mask"][i] == 1] for i in range(len(rows))]


def main():
    rows = [formula_ids(f"row {i}", length, VOCAB) for i, length in enumerate(LENGTHS)]
    cases = []
    for name, raw in CONFIGS.items():
        model = formula_model(raw)
        right = logits_of(model, rows, "right")
        between = max(float((a - b).abs().max()) for a, b in zip(right, logits_of(model, rows, "left")))
        assert between < 1e-4, (name, between)
        cases.append({
            "name": name,
            "config": raw,
            "parameters": sum(p.numel() for p in model.parameters()),
            "last": [rounded(row[-1]) for row in right],
            "norms": [rounded([row.norm()], 8)[0] for row in right],
        })
        print(f"{name}: left and right padding differ by {between:.1e}, largest logit {max(float(r.abs().max()) for r in right):.2f}")
    write(HERE / "models.json", {"versions": versions(), "rows": rows, "cases": cases})


if __name__ == "__main__":
    main()

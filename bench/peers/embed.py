"""The peer: mean-pooled hidden states with torch, in batches of similar length."""

import time
from pathlib import Path

from side import SETTINGS, finish, peak_bytes, thread_counts, tune, use

import torch
from transformers import AutoModel

from trl_run import lines, tokenizer


def main():
    texts = [line["text"] for line in lines("data")]
    tokens, model = tokenizer(), AutoModel.from_pretrained(SETTINGS["modelFolder"], dtype=torch.float32).eval()

    def embed(texts, batch):
        rows = tokens(texts, truncation=True, max_length=SETTINGS["maxTokens"])["input_ids"]
        order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
        vectors = torch.empty(len(rows), model.config.hidden_size)
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                part = order[start : start + batch]
                padded = tokens.pad({"input_ids": [rows[i] for i in part]}, return_tensors="pt")
                mask = padded["attention_mask"][:, :, None].float()
                states = model(**padded, use_cache=False).last_hidden_state
                vectors[part] = (states * mask).sum(1) / mask.sum(1)
        return vectors

    def trial(settings):
        use(model, settings)
        embed(texts[:128], settings["batch"])

    axes = {"threads": thread_counts(), "batch": [32, 16, 64, 128], "attention": ["sdpa", "eager"]}
    chosen, tried = tune(axes, trial)
    use(model, chosen)
    embed(texts[: SETTINGS["warmUp"]], chosen["batch"])
    began = time.perf_counter()
    vectors = embed(texts, chosen["batch"])
    seconds = time.perf_counter() - began
    peak = peak_bytes()
    path = Path(SETTINGS["folder"]) / "vectors-peer.f32"
    path.write_bytes(vectors.numpy().tobytes())
    finish(len(texts) / seconds, peak, {"vectors": str(path)}, chosen, tried)


if __name__ == "__main__":
    main()

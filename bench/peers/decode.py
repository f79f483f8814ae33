"""The peer: `generate` of transformers, greedy."""

import time

from side import SETTINGS, finish, load_model, peak_bytes, thread_counts, tune, use

import torch

from formula_numbers import integers


def prompts(vocab):
    """Prompts of different lengths as on our side, padded on the left."""
    rows = [integers(f"prompt {i}", SETTINGS["promptTokens"] - i % 8, vocab) for i in range(SETTINGS["prompts"])]
    longest = max(len(row) for row in rows)
    ids, mask = torch.zeros(len(rows), longest, dtype=torch.long), torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, longest - len(row) :], mask[i, longest - len(row) :] = torch.from_numpy(row), 1
    return ids, mask


def main():
    model = load_model().eval()
    model.generation_config.eos_token_id = None  # every text has the same length
    ids, mask = prompts(model.config.vocab_size)

    def run(settings, tokens):
        use(model, settings)
        cache = {"cache_implementation": "static"} if settings["cache"] == "static" else {}
        with torch.inference_mode():
            return model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=tokens, pad_token_id=0, **cache)

    axes = {"threads": thread_counts(), "cache": ["dynamic", "static"], "attention": ["sdpa", "eager"]}
    chosen, tried = tune(axes, lambda settings: run(settings, min(16, SETTINGS["newTokens"])))
    run(chosen, SETTINGS["newTokens"])
    began = time.perf_counter()
    for _ in range(SETTINGS["repeats"]):
        found = run(chosen, SETTINGS["newTokens"])
    seconds = time.perf_counter() - began
    tokens = SETTINGS["repeats"] * SETTINGS["prompts"] * SETTINGS["newTokens"]
    finish(tokens / seconds, peak_bytes(), {"tokens": found[:, ids.shape[1] :].tolist()}, chosen, tried)


if __name__ == "__main__":
    main()

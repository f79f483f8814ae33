"""Greedy texts and processed logits of transformers, for test/generate. Usage: python generation.py (writes generation.json)."""

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from transformers import GenerationConfig, LogitsProcessorList, RepetitionPenaltyLogitsProcessor
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from formula import formula_ids, formula_model, formula_tensor, versions, write
from models import GPT2, LLAMA, DECODER, VOCAB, padded

HERE = Path(__file__).parent
LENGTHS = [9, 14, 1, 5]
NEW = 30
CONFIGS = {
    "gpt2": {**GPT2, "n_positions": 64},
    "gpt2, untied": {**GPT2, "n_positions": 64, "tie_word_embeddings": False},
    "llama": LLAMA,
    "llama, tied": {**LLAMA, "tie_word_embeddings": True, "num_key_value_heads": 4},
    "mistral, window of 4": {**DECODER, "model_type": "mistral", "sliding_window": 4},
}
FILTERS = [
    {"temperature": 0.7},
    {"temperature": 1.6},
    {"topK": 1},
    {"topK": 5},
    {"topK": 500},
    {"topP": 0.05},
    {"topP": 0.5},
    {"topP": 0.9},
    {"topP": 0.999},
    {"repetitionPenalty": 1.3},
    {"repetitionPenalty": 0.8},
    {"temperature": 0.7, "topP": 0.9, "repetitionPenalty": 1.1},
    {"temperature": 1.2, "topK": 40, "topP": 0.95, "repetitionPenalty": 1.2},
    {"temperature": 0.3, "topK": 7, "topP": 0.8},
]


def greedy(model, rows, eos, penalty):
    """New ids of each row up to and with EOS, their log-probabilities, and the least lead of a chosen token."""
    inputs = padded(rows, "left")
    config = GenerationConfig(
        max_new_tokens=NEW, do_sample=False, repetition_penalty=penalty, eos_token_id=eos, pad_token_id=0,
        output_scores=True, output_logits=True, return_dict_in_generate=True,
    )
    out = model.generate(inputs["input_ids"], attention_mask=inputs["attention_mask"], generation_config=config)
    results, lead = [], float("inf")
    for i in range(len(rows)):
        ids = out.sequences[i, inputs["input_ids"].shape[1]:].tolist()
        ids = ids[: ids.index(eos) + 1] if eos in ids else ids
        log_prob = sum(float(out.logits[t][i].double().log_softmax(-1)[id]) for t, id in enumerate(ids))
        for t in range(len(ids)):
            first, second = out.scores[t][i].topk(2).values.tolist()
            lead = min(lead, first - second)
        results.append({"ids": ids, "logProb": round(log_prob, 5)})
    return results, lead


def main():
    rows = [formula_ids(f"prompt {i}", length, VOCAB) for i, length in enumerate(LENGTHS)]
    texts = []
    for name, raw in CONFIGS.items():
        model = formula_model(raw)
        model.generation_config.eos_token_id = None  # else it is used where none is given
        free, _ = greedy(model, rows, None, 1.0)
        # An id that ends some rows early and not others.
        eos = max(range(VOCAB), key=lambda id: (sum(id in text["ids"][3:] for text in free) in (1, 2, 3), -id))
        for penalty in (1.0, 1.3):
            for end in (None, eos):
                # transformers counts padding as having occurred, so with a penalty each row is alone.
                if penalty == 1:
                    results, lead = greedy(model, rows, end, penalty)
                else:
                    alone = [greedy(model, [row], end, penalty) for row in rows]
                    results, lead = [result[0] for result, _ in alone], min(lead for _, lead in alone)
                assert lead > 5e-5, (name, lead)
                texts.append({"name": name, "config": raw, "eos": end, "penalty": penalty, "results": results})
                print(f"{name}, penalty {penalty}, eos {end}: lengths {[len(r['ids']) for r in results]}, {len(set(sum((r['ids'] for r in results), [])))} ids, lead {lead:.4f}")
    logits = 10 * formula_tensor("logits", [300])
    seen = formula_ids("seen", 40, 300)
    filtered = []
    for options in FILTERS:
        processors = LogitsProcessorList()
        if "repetitionPenalty" in options:
            processors.append(RepetitionPenaltyLogitsProcessor(options["repetitionPenalty"]))
        if "temperature" in options:
            processors.append(TemperatureLogitsWarper(options["temperature"]))
        if "topK" in options:
            processors.append(TopKLogitsWarper(options["topK"]))
        if "topP" in options:
            processors.append(TopPLogitsWarper(options["topP"]))
        out = processors(torch.tensor([seen]), logits[None].clone())[0]
        values = [None if v == float("-inf") else float("%.7g" % v) for v in out.tolist()]
        print(options, sum(v is not None for v in values))
        filtered.append({"options": options, "values": values})
    logits = [float("%.9g" % v) for v in logits.tolist()]
    write(HERE / "generation.json", {"versions": versions(), "rows": rows, "texts": texts, "logits": logits, "seen": seen, "filtered": filtered})


if __name__ == "__main__":
    main()

"""Losses, metrics, gradients and a short training of TRL's DPOTrainer on the formula's weights.

usage: python dpo.py     writes dpo.json beside this file

The trainer itself tokenises the pairs, puts them in a batch (its collator) and computes loss and metrics (its compute_loss); only the
adapters' values are set from outside, before that.
"""

import math
import os
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import trl
from datasets import Dataset
from peft import LoraConfig
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

from formula import formula_ids, formula_model, formula_tensor, rounded, summary, versions, write
from models import GPT2, LLAMA, VOCAB
from training import adapted, short

HERE = Path(__file__).parent
# Lengths of prompt, chosen and rejected reply.
LENGTHS = [(5, 4, 7), (9, 6, 2), (1, 3, 3), (4, 9, 5)]
LORA = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}


def tokenizer():
    """Token i is the word `t<i>`; t0 ends a text."""
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(VOCAB)}, unk_token="t1"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="t0", pad_token="t0")


def text(name, length):
    return " ".join(f"t{id}" for id in formula_ids(name, length, VOCAB))


def pairs(count):
    rows = []
    for i, (prompt, chosen, rejected) in enumerate(LENGTHS[:count]):
        rows.append({"prompt": text(f"prompt {i}", prompt) + " ", "chosen": text(f"chosen {i}", chosen) + " ", "rejected": text(f"rejected {i}", rejected) + " "})
    return Dataset.from_list(rows)


def trainer_of(raw, reference, count, folder, **options):
    """`reference`: "base" (a new adapter on the base), "copy" (of the policy's adapter, as TRL makes it) or "other" (that, with other values)."""
    args = DPOConfig(
        output_dir=folder, use_cpu=True, bf16=False, gradient_checkpointing=False, max_length=None, report_to=[], logging_steps=1, save_strategy="no",
        disable_tqdm=True, per_device_train_batch_size=count, seed=1, **options,
    )
    if reference == "base":
        config = LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, fan_in_fan_out=raw["model_type"] == "gpt2", **LORA)
        trainer = DPOTrainer(formula_model(raw), args=args, train_dataset=pairs(count), processing_class=tokenizer(), peft_config=config)
    else:
        model = adapted(raw, LORA)
        trainer = DPOTrainer(model, args=args, train_dataset=pairs(count), processing_class=tokenizer())
        assert "ref" in model.peft_config
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if ".default." in name:
                parameter.copy_(formula_tensor(short(name), parameter.shape))
            elif ".ref." in name and reference == "other":
                parameter.copy_(formula_tensor("reference " + short(name.replace(".ref.", ".default.")), parameter.shape))
    return trainer


def metrics_of(values):
    names = ["rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen", "logps/rejected"]
    return {name: rounded([values[name]], 8)[0] for name in names}


def case(name, raw, reference, count=len(LENGTHS), **loss):
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(raw, reference, count, folder, **loss)
        trainer.model.train()
        batch = trainer.data_collator([trainer.train_dataset[i] for i in range(count)])
        value = trainer.compute_loss(trainer.model, batch)
        value.backward()
    metrics = metrics_of({key: found[-1] for key, found in trainer._metrics["train"].items()})
    gradients = {short(n): summary(p.grad) for n, p in trainer.model.named_parameters() if p.requires_grad}
    print(f"{name}: loss {value.item():.6f}, margins {metrics['rewards/margins']:.4f}, accuracies {metrics['rewards/accuracies']}")
    if reference == "copy" and loss["loss_type"] == ["sigmoid"]:
        assert abs(value.item() - math.log(2)) < 1e-6 and metrics["rewards/margins"] == 0
    return {"name": name, "config": raw, "reference": reference, "pairs": count, **loss, "loss": rounded([value.detach()], 8)[0], "metrics": metrics, "gradients": gradients}


def training(raw, steps=4, learning_rate=2e-3):
    """What the trainer itself logs over some steps; each batch holds all pairs, so that their order does not count."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(raw, "copy", len(LENGTHS), folder, max_steps=steps, learning_rate=learning_rate, loss_type=["sigmoid"])
        trainer.train()
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(logged) == steps
    trace = [{"loss": entry["loss"], "gradNorm": entry["grad_norm"], "learningRate": entry["learning_rate"], "metrics": metrics_of(entry)} for entry in logged]
    print("training:", [entry["loss"] for entry in trace], [entry["gradNorm"] for entry in trace])
    return {"config": raw, "steps": steps, "learningRate": learning_rate, "trace": trace}


def prepared():
    """Ids as the trainer makes them."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = trainer_of(GPT2, "base", len(LENGTHS), folder).train_dataset
    return [{"prompt": row["prompt_ids"], "chosen": row["chosen_ids"], "rejected": row["rejected_ids"]} for row in dataset]


if __name__ == "__main__":
    cases = [
        case("sigmoid, before the first step", LLAMA, "copy", loss_type=["sigmoid"]),
        case("ipo, before the first step", GPT2, "copy", loss_type=["ipo"]),
        case("sigmoid, reference without adapter", GPT2, "base", loss_type=["sigmoid"]),
        case("sigmoid, reference with another adapter", LLAMA, "other", loss_type=["sigmoid"]),
        case("sigmoid, beta 0.5", LLAMA, "other", loss_type=["sigmoid"], beta=0.5),
        case("ipo, reference without adapter", LLAMA, "base", loss_type=["ipo"]),
        case("ipo, beta 0.4", GPT2, "other", loss_type=["ipo"], beta=0.4),
        case("hinge, reference without adapter", GPT2, "base", loss_type=["hinge"]),
        case("hinge, beta 0.8", LLAMA, "other", loss_type=["hinge"], beta=0.8),
        case("robust, no smoothing", GPT2, "other", loss_type=["robust"]),
        case("robust, smoothing 0.2", LLAMA, "base", loss_type=["robust"], label_smoothing=0.2),
        # TRL's sigmoid leaves label_smoothing out; for one pair, its AOT is conservative DPO.
        case("aot of one pair, smoothing 0.3", LLAMA, "other", count=1, loss_type=["aot"], label_smoothing=0.3),
    ]
    write(HERE / "dpo.json", {"versions": {**versions(), "trl": trl.__version__}, "lora": LORA, "pairs": prepared(), "cases": cases, "training": training(LLAMA)})

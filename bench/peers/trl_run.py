"""What the peers that use TRL share."""

import json
import time
from pathlib import Path

from side import SETTINGS, load_adapted, precisions, thread_counts, tune_training

from transformers import AutoTokenizer, TrainerCallback

from formula_numbers import set_lora

# Our plain template, with marks around what is learnt: the replies with their line ends, and the end of the text.
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}User: {{ message['content'] | trim }}\n"
    "{% else %}Assistant:{% generation %} {{ message['content'] | trim }}\n"
    "{% if loop.last %}{{ eos_token }}{% endif %}{% endgeneration %}{% endif %}{% endfor %}"
)


def tokenizer():
    found = AutoTokenizer.from_pretrained(SETTINGS["modelFolder"])
    found.chat_template = CHAT_TEMPLATE
    return found


def lines(name):
    return [json.loads(line) for line in (Path(SETTINGS["folder"]) / f"{name}.jsonl").read_text().splitlines()]


def best_settings():
    """Threads, attention and precision by trying; the model that they were tried on is gone afterwards."""
    return tune_training(load_adapted().train(), {"threads": thread_counts(), "precision": precisions(), "attention": ["sdpa", "eager"]})


def options(precision, checkpointing, **others):
    """TRL's options: what is not about speed is set as on our side, where nothing is said TRL's default holds."""
    return {
        "output_dir": str(Path(SETTINGS["folder"]) / "trl"),
        "use_cpu": True,
        "bf16": precision == "bf16",
        "gradient_checkpointing": checkpointing,
        "learning_rate": SETTINGS["learningRate"],
        "lr_scheduler_type": "constant",
        "max_grad_norm": 1.0,
        "num_train_epochs": 1,
        "max_length": SETTINGS["length"],
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "seed": 0,
        **others,
    }


class Clock(TrainerCallback):
    """When each update ended."""

    def __init__(self):
        self.ends = []

    def on_step_end(self, *_, **__):
        self.ends.append(time.perf_counter())


def train(trainer):
    """Trains from the formula's adapter; returns when each update ended."""
    clock = Clock()
    trainer.add_callback(clock)
    set_lora(trainer.model)
    trainer.train()
    return clock.ends


def logged_losses(trainer):
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

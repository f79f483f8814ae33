"""The peer: from starting Python to the end of the first update of TRL's trainer. Only the precision is chosen, by a product of small matrices:
to try more would take longer than the start."""

import time

from side import SETTINGS, finish, load_model, lora_config, peak_bytes, precisions

import torch
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from trl_run import lines, logged_losses, options, tokenizer, train


def main():
    imported = time.time()
    precision = precisions()[0]
    model = load_model()
    loaded = time.time()
    packing = {"packing": SETTINGS["packing"], "packing_strategy": "bfd"}
    args = SFTConfig(
        **options(precision, SETTINGS["checkpointing"], per_device_train_batch_size=SETTINGS["batch"], assistant_only_loss=True, max_steps=1, logging_steps=1, **packing)
    )
    data = Dataset.from_list([{"messages": row["messages"]} for row in lines("data")])
    trainer = SFTTrainer(model, args=args, train_dataset=data, processing_class=tokenizer(), peft_config=lora_config())
    tokenised = time.time()
    train(trainer)
    ended = time.time()
    began = SETTINGS["began"] / 1000  # milliseconds
    targets = sum(label != -100 for row in trainer.train_dataset for label in row["labels"])
    figures = {"importSeconds": imported - began, "loadSeconds": loaded - imported, "tokeniseSeconds": tokenised - loaded, "stepSeconds": ended - tokenised}
    chosen = {"attention": "sdpa", "precision": precision, "threads": torch.get_num_threads()}
    finish(ended - began, peak_bytes(), {"losses": logged_losses(trainer), "counts": {"targets": targets}}, chosen, {}, figures)


if __name__ == "__main__":
    main()

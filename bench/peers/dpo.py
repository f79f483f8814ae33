"""The peer: DPO with TRL, as a user would write it."""

import time

from side import SETTINGS, finish, load_model, lora_config, peak_bytes, use

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from trl_run import best_settings, lines, logged_losses, options, tokenizer, train


class TimedTrainer(DPOTrainer):
    """Notes how long the reference takes where it is computed before training."""

    reference_seconds = 0.0

    def _precompute_ref_logps(self, *args, **kwargs):
        began = time.perf_counter()
        data = super()._precompute_ref_logps(*args, **kwargs)
        self.reference_seconds += time.perf_counter() - began
        return data


def trainer_of(rows, chosen, precision, checkpointing, batch, **others):
    model = load_model()
    use(model, chosen)
    args = DPOConfig(**options(precision, checkpointing, per_device_train_batch_size=batch, precompute_ref_log_probs=SETTINGS["precompute"], **others))
    data = [{"prompt": row["prompt"], "chosen": f" {row['chosen'].strip()}\n", "rejected": f" {row['rejected'].strip()}\n"} for row in rows]
    return TimedTrainer(model, args=args, train_dataset=Dataset.from_list(data), processing_class=tokenizer(), peft_config=lora_config())


def main():
    chosen, tried = best_settings()
    rows, batch = lines("data"), SETTINGS["batch"]
    trainer = trainer_of(rows, chosen, chosen["precision"], SETTINGS["checkpointing"], batch, dataloader_drop_last=True)
    began = time.perf_counter()
    ends = train(trainer)
    pairs = batch * (len(ends) - 1)
    speed, peak = pairs / (ends[-1] - ends[0]), peak_bytes()
    whole = batch * len(ends) / (ends[-1] - began + trainer.reference_seconds)
    replies = sum(len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in trainer.train_dataset)
    results = {"counts": {"replyTokens": replies}}
    if SETTINGS["check"]:
        found = lines("check")
        checked = trainer_of(found, chosen, "f32", False, len(found), max_steps=SETTINGS["checkSteps"], logging_steps=1)
        train(checked)
        results["losses"] = logged_losses(checked)
    figures = {"referenceSeconds": trainer.reference_seconds, "speedWithReferenceAndFirstStep": whole}
    finish(speed, peak, results, {**chosen, "steps": len(ends), "batch": batch}, tried, figures)


if __name__ == "__main__":
    main()

"""The peer: supervised fine-tuning with TRL, as a user would write it."""

from side import SETTINGS, finish, load_model, lora_config, peak_bytes, use

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from trl_run import best_settings, lines, logged_losses, options, tokenizer, train


class CountingTrainer(SFTTrainer):
    """Notes how many tokens each update learns."""

    def training_step(self, model, inputs, *rest):
        self.targets = [*getattr(self, "targets", []), int((inputs["labels"][:, 1:] != -100).sum())]
        return super().training_step(model, inputs, *rest)


def trainer_of(rows, chosen, precision, checkpointing, batch, **others):
    model = load_model()
    use(model, chosen)
    packing = {"packing": True, "packing_strategy": "bfd"} if SETTINGS["packing"] else {}
    args = SFTConfig(**options(precision, checkpointing, per_device_train_batch_size=batch, assistant_only_loss=True, **packing, **others))
    data = Dataset.from_list([{"messages": row["messages"]} for row in rows])
    return CountingTrainer(model, args=args, train_dataset=data, processing_class=tokenizer(), peft_config=lora_config())


def main():
    chosen, tried = best_settings()
    trainer = trainer_of(lines("data"), chosen, chosen["precision"], SETTINGS["checkpointing"], SETTINGS["batch"])
    ends = train(trainer)
    speed, peak = sum(trainer.targets[1:]) / (ends[-1] - ends[0]), peak_bytes()
    results = {"counts": {"targets": sum(trainer.targets)}}
    if SETTINGS["check"]:
        rows = lines("check")
        batch = 1 if SETTINGS["packing"] else len(rows)
        checked = trainer_of(rows, chosen, "f32", False, batch, max_steps=SETTINGS["checkSteps"], logging_steps=1)
        train(checked)
        results["losses"] = logged_losses(checked)
    finish(speed, peak, results, {**chosen, "steps": len(ends), "batch": SETTINGS["batch"]}, tried)


if __name__ == "__main__":
    main()

"""Trains the embedded base model's tokenizer: byte-level BPE on the train splits of the three public data sets.

    python src/world/train-tokenizer.py DATA_FOLDER OUT_FOLDER        (needs: pip install tokenizers==0.23.2)

DATA_FOLDER is laid out as the README of src/world says: esconv/train.jsonl, goemotions/train.tsv, empathetic_dialogues/train.csv.gz.
The text itself does not end up in the tokenizer, only frequent pieces of words do.
"""

import csv
import gzip
import json
import sys
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

VOCABULARY = 4608
END = "<|endoftext|>"


def texts(folder: Path):
    for line in (folder / "esconv/train.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        yield row["situation"]
        yield from (turn["text"] for turn in row["dialog"])
    for line in (folder / "goemotions/train.tsv").open(encoding="utf-8"):
        yield line.split("\t")[0]
    with gzip.open(folder / "empathetic_dialogues/train.csv.gz", "rt", encoding="utf-8", newline="") as file:
        yield from (row["utterance"].replace("_comma_", ",") for row in csv.DictReader(file))


def main() -> None:
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, min_frequency=4, special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )
    tokenizer.train_from_iterator(texts(data), trainer)
    tokenizer.add_special_tokens([AddedToken(END, special=True)])
    # Every encoded text starts with the document boundary, which the model has seen before each document.
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{END} $A", pair=f"{END} $A {END} $B", special_tokens=[(END, tokenizer.token_to_id(END))])
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END, "pad_token": END, "unk_token": None,
        "add_bos_token": True, "add_prefix_space": False, "clean_up_tokenization_spaces": False, "model_max_length": 1024,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    print(f"{tokenizer.get_vocab_size()} tokens")


main()

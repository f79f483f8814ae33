"""Loads what eqlab wrote with transformers and PEFT and compares logits, for test/models/oracle.test.ts.

usage: python check-peft.py FOLDER     FOLDER holds one folder a case: base/ (a model), adapter/ (PEFT; may be absent) and
                                       logits.json {"ids": [[...]], "logits": [[[...]]], "tolerance": t}: every position of rows of one length
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import PeftModel
from peft.utils import load_peft_weights, set_peft_model_state_dict
from transformers import AutoModelForCausalLM


def check(folder):
    base, info = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[kind], (folder.name, kind, info[kind])
    model = base
    if (folder / "adapter").exists():
        model = PeftModel.from_pretrained(base, folder / "adapter")
        result = set_peft_model_state_dict(model, load_peft_weights(folder / "adapter"))
        missing = [key for key in result.missing_keys if "lora_" in key]
        assert not missing and not result.unexpected_keys, (folder.name, missing, result.unexpected_keys)
    expected = json.loads((folder / "logits.json").read_text())
    with torch.no_grad():
        logits = model.eval()(torch.tensor(expected["ids"])).logits
    difference = float((logits - torch.tensor(expected["logits"])).abs().max())
    assert difference <= expected["tolerance"], (folder.name, difference)
    return difference


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # PEFT only warns of missing adapter keys
        for case in sorted(path for path in Path(sys.argv[-1]).iterdir() if path.is_dir()):
            print(f"{case.name}: largest difference of a logit {check(case):.1e}")

"""Loads heads that eqlab wrote with torch and compares their outputs, for test/models/head-files.test.ts.

usage: python check-head.py FOLDER     FOLDER holds NAME.pt, its card NAME.json, and NAME.check.json {"x": [[...]], "probabilities": [[...]]}
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn

for path in sorted(Path(sys.argv[-1]).glob("*.pt")):
    card = json.loads(path.with_suffix(".json").read_text())
    check = json.loads(path.with_suffix(".check.json").read_text())
    hidden, inner, classes = card["hidden"], card["inner"], len(card["labels"])
    head = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, inner), nn.ReLU(), nn.Linear(inner, classes))
    head.load_state_dict(torch.load(path, weights_only=True))
    with torch.no_grad():
        logits = head.eval()(torch.tensor(check["x"]))
    probabilities = logits.sigmoid() if card["kind"] == "multi-label" else logits.softmax(-1)
    difference = float((probabilities - torch.tensor(check["probabilities"])).abs().max())
    assert difference < 1e-5, (path.name, difference)
    print(f"{path.name}: largest difference of a probability {difference:.1e}")

"""Classification heads and their losses in torch, for test/nn/classification-head, test/losses/{bce,softmax} and test/train/heads.

usage: python heads.py        writes heads.json beside this file
"""

from pathlib import Path

import torch
from torch import nn

from formula import formula_ids, formula_tensor, noise, rounded, versions, write

HIDDEN, INNER, CLASSES, ROWS, STEPS = 16, 12, 5, 30, 8
EXTREME = [-500.0, -90.0, -1.5, 0.0, 1e-4, 3.0, 90.0, 500.0]


def head():
    model = nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, INNER), nn.ReLU(), nn.Linear(INNER, CLASSES))
    model.load_state_dict({name: formula_tensor(name, value.shape) for name, value in model.state_dict().items()})
    return model


def trained(criterion, targets):
    """Loss and gradients at the start, losses along AdamW without clipping (weight decay on matrices), and the last parameters."""
    model, x = head(), formula_tensor("x", [ROWS, HIDDEN])
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2)
    losses, gradients = [], {}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = criterion(model(x), targets)
        loss.backward()
        if step == 0:
            gradients = {name: rounded(p.grad, 8) for name, p in model.named_parameters()}
        losses.append(rounded([loss.detach()], 8)[0])
        optimizer.step()
    return {"losses": losses, "gradients": gradients, "parameters": {name: rounded(p.detach(), 8) for name, p in model.named_parameters()}}


def extremes(criterion, logits, targets):
    x = torch.tensor(logits, requires_grad=True)
    loss = criterion(x, targets)
    loss.backward()
    return {"logits": logits, "loss": float(loss.detach()), "gradient": x.grad.flatten().tolist()}


several = torch.from_numpy((noise("labels", ROWS * CLASSES) > 0.3).reshape(ROWS, CLASSES)).float()
one = torch.tensor(formula_ids("label", ROWS, CLASSES))
rows = [EXTREME, [-value for value in EXTREME]]
write(
    Path(__file__).with_name("heads.json"),
    {
        "by": {"script": "heads.py", **versions()},
        "shape": {"hidden": HIDDEN, "inner": INNER, "classes": CLASSES, "rows": ROWS},
        "logits": rounded(head()(formula_tensor("x", [ROWS, HIDDEN])).detach(), 8),
        "multi-label": trained(nn.BCEWithLogitsLoss(), several),
        "single-label": trained(nn.CrossEntropyLoss(), one),
        "labels": {"multi-label": [row.nonzero().flatten().tolist() for row in several], "single-label": [[int(label)] for label in one]},
        "extremes": {
            "bce": extremes(nn.BCEWithLogitsLoss(reduction="sum"), rows, torch.tensor([[1.0] * 8, [1.0, 0.0] * 4])),
            "softmax": extremes(nn.CrossEntropyLoss(reduction="sum"), rows, torch.tensor([0, 6])),
        },
    },
)

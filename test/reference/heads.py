"""Classification heads and their losses in torch, for test/nn/classification-head, test/losses/{bce,multi-label,softmax} and test/train/heads.

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


def focal(gamma, alpha):
    """Lin et al. 2017, equation 5, as torchvision's sigmoid_focal_loss computes it."""

    def loss(x, z):
        p = torch.sigmoid(x)
        true = p * z + (1 - p) * (1 - z)
        value = nn.functional.binary_cross_entropy_with_logits(x, z, reduction="none") * (1 - true) ** gamma
        return (value if alpha is None else (alpha * z + (1 - alpha) * (1 - z)) * value).sum()

    return loss


def asymmetric(positive, negative, margin):
    """Ridnik et al. 2021, equations 1, 4 and 5."""

    def loss(x, z):
        p = torch.sigmoid(x)
        q = (p - margin).clamp(min=0)
        held = -((1 - p) ** positive) * nn.functional.logsigmoid(x)
        other = -(q**negative) * (nn.functional.logsigmoid(-x) if margin == 0 else torch.log(1 - q))
        return (z * held + (1 - z) * other).sum()

    return loss


def losses():
    """In f64: sums and gradients by the logits, of logits around 0 and far from it."""
    moderate = 4 * noise("logits of losses", ROWS * CLASSES).reshape(ROWS, CLASSES)
    moderate[0] = [-40.0, -12.0, 0.0, 12.0, 40.0]
    moderate[1] = -moderate[0]
    weights = [0.5, 1.0, 3.0, 20.0, 7.5]
    kinds = {
        "weighted": ({"kind": "bce", "positiveWeights": weights}, nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weights), reduction="sum")),
        "focal": ({"kind": "focal"}, focal(2, 0.25)),
        "focal without alpha": ({"kind": "focal", "gamma": 1.5, "alpha": None}, focal(1.5, None)),
        "asymmetric": ({"kind": "asymmetric"}, asymmetric(0, 4, 0.05)),
        "asymmetric, both sides": ({"kind": "asymmetric", "gammaPositive": 1, "gammaNegative": 2, "margin": 0.2}, asymmetric(1, 2, 0.2)),
        "asymmetric without margin": ({"kind": "asymmetric", "gammaPositive": 2, "gammaNegative": 1, "margin": 0}, asymmetric(2, 1, 0)),
    }
    cases = {}
    for name, (options, criterion) in kinds.items():
        x = torch.tensor(moderate, requires_grad=True)
        value = criterion(x, several.double())
        value.backward()
        cases[name] = {"loss": options, "sum": float(value.detach()), "gradient": rounded(x.grad, 9)}
    return {"logits": moderate.flatten().tolist(), "cases": cases}


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
        "losses": losses(),
        "extremes": {
            "bce": extremes(nn.BCEWithLogitsLoss(reduction="sum"), rows, torch.tensor([[1.0] * 8, [1.0, 0.0] * 4])),
            "softmax": extremes(nn.CrossEntropyLoss(reduction="sum"), rows, torch.tensor([0, 6])),
        },
    },
)

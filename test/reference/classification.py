"""Scores of scikit-learn on the formula's probabilities and labels, for test/eval/classification.test.ts.

usage: python classification.py        writes classification.json beside this file
"""

from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score, average_precision_score, confusion_matrix, f1_score, precision_recall_curve, precision_recall_fscore_support, roc_auc_score,
)

from formula import noise, write

ROWS, CLASSES, BINS = 120, 6, 15


def probabilities(name):
    """Multiples of 1/64, so that many are equal and some are exactly one half."""
    return np.floor((noise(name, ROWS * CLASSES) + 1) / 2 * 64).reshape(ROWS, CLASSES) / 64


def calibration_error(confidence, came):
    true, predicted = calibration_curve(came, confidence, n_bins=BINS, strategy="uniform")
    counts = np.histogram(confidence, bins=np.linspace(0, 1, BINS + 1))[0]
    counts = counts[counts > 0]
    return float(np.sum(counts * np.abs(true - predicted)) / len(confidence))


def scores(actual, predicted):
    average = lambda kind: float(f1_score(actual, predicted, average=kind, zero_division=0))
    precision, recall, f1, support = precision_recall_fscore_support(actual, predicted, zero_division=0)
    return {
        "macroF1": average("macro"), "microF1": average("micro"), "weightedF1": average("weighted"), "accuracy": float(accuracy_score(actual, predicted)),
        "classes": [{"precision": p, "recall": r, "f1": f, "support": int(s)} for p, r, f, s in zip(precision, recall, f1, support)],
    }


def best_f1(actual, confidence):
    precision, recall, _ = precision_recall_curve(actual, confidence)
    return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))


def preference_bias(counts, rounds=20, tiny=1e-6):
    """Kang et al. 2024: the spread of Bradley-Terry strengths, a row of i taken for j being a match that j wins."""
    p = np.ones(len(counts))
    for _ in range(rounds):
        for i in range(len(counts)):
            p[i] = np.sum(counts[:, i] * p / (p[i] + p + tiny)) / np.sum(counts[i] / (p[i] + p + tiny))
        p = p / p.mean()
    return float(np.std(p))


def scaling():
    """Temperature and Platt's scaling by scipy's minimiser, of logits that are three times too sure."""
    logits = (3 * 2 * noise("logits", ROWS * CLASSES).reshape(ROWS, CLASSES)).astype(np.float32)
    z = logits.astype(np.float64)
    coin = (noise("coin", ROWS * CLASSES).reshape(ROWS, CLASSES) + 1) / 2
    several = (coin < 1 / (1 + np.exp(-z / 3))).astype(int)
    one = (z / 3 + 0.3 * noise("gumbel", ROWS * CLASSES).reshape(ROWS, CLASSES)).argmax(axis=1)
    one[::4] = (one[::4] + 1) % CLASSES
    bce = lambda x, y: np.logaddexp(0, x) - y * x
    sigmoid_loss = lambda a: float(np.sum(bce(a[0] * z, several)))
    softmax_loss = lambda a: float(np.sum(logsumexp(a[0] * z, axis=1) - a[0] * z[np.arange(ROWS), one]))
    least = lambda loss, start: minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 10000}).x
    platt = []
    for c in range(CLASSES):
        positives = several[:, c].sum()
        wanted = np.where(several[:, c] == 1, (positives + 1) / (positives + 2), 1 / (ROWS - positives + 2))
        platt.append(least(lambda a: float(np.sum(bce(a[0] * z[:, c] + a[1], wanted))), [1.0, 0.0]).tolist())
    return {
        "logits": logits.flatten().tolist(), "several": several.flatten().tolist(), "one": one.tolist(),
        "temperature": [float(least(sigmoid_loss, [1.0])[0]), float(least(softmax_loss, [1.0])[0])], "platt": platt,
    }


several = probabilities("probabilities")
# The last class holds nowhere, the one before it almost everywhere.
limit = np.array([0.7, 0.9, 1.1, 1.4, 1.9, 0.0])
actual = ((noise("truth", ROWS * CLASSES).reshape(ROWS, CLASSES) + 1) / 2 < several * limit).astype(int)
thresholds = [0.25, 0.5, 0.75, 0.3, 0.1, 0.99]
held = range(CLASSES - 1)

one = probabilities("one of several") + 1 / 64
one = (one / one.sum(axis=1, keepdims=True)).astype(np.float32)
shifted = (noise("which", ROWS) > 0.2).astype(int)
label = np.where(shifted, one.argmax(axis=1), np.arange(ROWS) % CLASSES)
confidence = one.max(axis=1).astype(np.float64)

write(
    Path(__file__).with_name("classification.json"),
    {
        "by": {"script": "classification.py", "scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
        "rows": ROWS,
        "names": [f"class {c}" for c in range(CLASSES)],
        "thresholds": thresholds,
        "labels": [np.flatnonzero(row).tolist() for row in actual],
        "multi-label": {
            "half": scores(actual, (several >= 0.5).astype(int)),
            "tuned": scores(actual, (several >= np.array(thresholds)).astype(int)),
            "averagePrecision": [float(average_precision_score(actual[:, c], several[:, c])) for c in held],
            "auc": [float(roc_auc_score(actual[:, c], several[:, c])) for c in held],
            "bestF1": [best_f1(actual[:, c], several[:, c]) for c in held],
            "calibrationError": float(np.mean([calibration_error(several[:, c], actual[:, c]) for c in range(CLASSES)])),
            "probabilitySum": float(several.sum(axis=1).mean()),
            "labelsPerRow": float(actual.sum(axis=1).mean()),
        },
        "single-label": {
            "label": label.tolist(),
            **scores(label, one.argmax(axis=1)),
            "confusion": confusion_matrix(label, one.argmax(axis=1), labels=range(CLASSES)).tolist(),
            "calibrationError": calibration_error(confidence, label == one.argmax(axis=1)),
            "preferenceBias": preference_bias(confusion_matrix(label, one.argmax(axis=1), labels=range(CLASSES))),
        },
        "scaling": scaling(),
    },
)

"""Kendall's tau-b and Spearman's rho of lists with ties by scipy: `python correlations.py > correlations.json`."""

import json
import sys

import numpy
import scipy
from scipy.stats import kendalltau, spearmanr

random = numpy.random.default_rng(5)
cases = []
for n, levels in [(4, 3), (8, 4), (20, 6), (60, 9), (60, 1000)]:
    a = random.integers(0, levels, n)
    b = a // 2 + random.integers(0, levels, n)
    case = {"a": a.tolist(), "b": b.tolist()}
    cases.append({**case, "kendall": kendalltau(a, b).statistic, "spearman": spearmanr(a, b).statistic})
json.dump({"scipy": scipy.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0], "cases": cases}, sys.stdout)

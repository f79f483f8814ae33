"""scipy's bootstrap, permutation test, rank correlation, regression and normal quantiles on the formula's numbers, for test/eval/paired.test.ts.

usage: python comparisons.py        writes comparisons.json beside this file

The two-level bootstrap and Holm's correction, which scipy does not have, are written here a second time: the one as a plain loop over draws, the other
as R's p.adjust defines it.
"""

from pathlib import Path

import numpy as np
import scipy
from scipy.stats import bootstrap, linregress, norm, permutation_test, spearmanr

from formula import noise, write

ITEMS, FEW, CLUSTER, SEEDS, DRAWS = 60, 10, 4, 3, 100_000


def interval(data, statistic, draws=DRAWS, **options):
    found = bootstrap(data, statistic, method="percentile", n_resamples=draws, random_state=np.random.default_rng(1), batch=2000, **options)
    return [float(found.confidence_interval.low), float(found.confidence_interval.high)]


def sign_flips(differences, resamples):
    found = permutation_test(
        (differences, np.zeros_like(differences)), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples",
        n_resamples=resamples, vectorized=True, random_state=np.random.default_rng(1), batch=2000,
    )
    return float(found.pvalue)


def intercept(differences, lengths, axis):
    """Of the least-squares lines along the axis."""
    x = lengths - lengths.mean(axis=axis, keepdims=True)
    y = differences.mean(axis=axis)
    slope = (x * differences).sum(axis=axis) / (x * x).sum(axis=axis)
    return y - slope * lengths.mean(axis=axis)


def two_levels(table, draws=DRAWS):
    """Quantiles of the mean over drawn rows and drawn columns."""
    random, (items, seeds) = np.random.default_rng(1), table.shape
    means = [table[np.ix_(random.integers(0, items, items), random.integers(0, seeds, seeds))].mean() for _ in range(draws)]
    return np.quantile(means, [0.025, 0.975]).tolist()


def holm(p):
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(1, np.maximum.accumulate((len(p) - np.arange(len(p))) * np.array(p)[order]))
    return adjusted[np.argsort(order, kind="stable")].tolist()


a, b = noise("a", ITEMS), 0.6 * noise("a", ITEMS) + 0.5 * noise("b", ITEMS) - 0.15
lengths = np.floor(20 * noise("lengths", ITEMS)) + 3
differences = a - b + 0.01 * lengths
grouped = differences + np.repeat(0.6 * noise("clusters", ITEMS // CLUSTER), CLUSTER)
sums = grouped.reshape(-1, CLUSTER).sum(axis=1)
sizes = np.full_like(sums, CLUSTER)
table = differences[:, None] + 0.3 * noise("seeds", SEEDS)[None, :] + 0.2 * noise("rest", ITEMS * SEEDS).reshape(ITEMS, SEEDS)
x, y = np.floor(5 * noise("x", ITEMS)), np.floor(3 * noise("x", ITEMS) + 4 * noise("y", ITEMS))
p = ((noise("p", 12) + 1) / 2) ** 3
p[3] = p[7]
error = differences.std(ddof=1) / np.sqrt(ITEMS)
cluster_error = np.sqrt(len(sums) / (len(sums) - 1) * np.sum((sums - CLUSTER * grouped.mean()) ** 2)) / ITEMS
detectable = float(norm.ppf(0.975) + norm.ppf(0.8))

write(
    Path(__file__).with_name("comparisons.json"),
    {
        "by": {"script": "comparisons.py", "scipy": scipy.__version__, "numpy": np.__version__},
        "sizes": {"items": ITEMS, "few": FEW, "cluster": CLUSTER, "seeds": SEEDS},
        "mean": float(differences.mean()),
        "interval": interval((differences,), np.mean),
        "clustered": interval((sums, sizes), lambda s, n, axis: s.sum(axis=axis) / n.sum(axis=axis), paired=True),
        "clusteredDetectable": detectable * float(cluster_error),
        "twoLevels": two_levels(table),
        "seedSpread": float(table.mean(axis=0).std(ddof=1)),
        "signFlips": sign_flips(differences, DRAWS),
        "fewSignFlips": [sign_flips(differences[start : start + FEW], np.inf) for start in range(0, ITEMS, FEW)],
        "clusterSignFlips": sign_flips(sums[:FEW], np.inf),
        "itemSpread": float(differences.std(ddof=1)),
        "minimumDetectable": detectable * error,
        "power": float(norm.sf(norm.ppf(0.975) - detectable) + norm.cdf(-norm.ppf(0.975) - detectable)),
        "intercept": float(linregress(lengths, differences).intercept),
        "interceptInterval": interval((differences, lengths), intercept, paired=True),
        "spearman": float(spearmanr(x, y).statistic),
        "spearmanInterval": interval((x, y), lambda a, b: spearmanr(a, b).statistic, draws=20_000, paired=True, vectorized=False),
        "p": p.tolist(),
        "holm": holm(p),
    },
)

"""TF-IDF and logistic regression of scikit-learn on small texts, for test/eval/text-classifier.test.ts.

usage: python text_classifier.py        writes text_classifier.json beside this file
"""

from pathlib import Path

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from formula import formula_ids, write

WORDS = ["happy", "sad", "I", "a", "don't", "Straße", "naïve", "x1", "under_score", "7", "42", "ΟΔΟΣ", "fine", "so", "very", "day", "İzmir", "日本", "no", "yes"]
TRICKY = ["", "?!", "A b c", "so so so very very sad", "e\u0301clair ne\u0301e", "well-being isn't [NAME]'s", "tabs\tand\nlines", "𝒳𝒴 smile 😀 day", "ﬁne ½ ①② Ⅷ"]
ROWS, LABELS, C = 60, 4, 3.0


def sentence(i):
    length = 1 + formula_ids(f"length {i}", 1, 9)[0]
    return " ".join(WORDS[word] for word in formula_ids(f"words {i}", length, len(WORDS)))


def exact(**options):
    return LogisticRegression(C=C, solver="lbfgs", tol=1e-10, max_iter=10000, **options)


texts = [sentence(i) for i in range(ROWS)] + TRICKY
vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
x = vectorizer.fit_transform(texts)
several = np.array([[int(v < 0.35 * 100) for v in formula_ids(f"labels {i}", LABELS, 100)] for i in range(len(texts))])
for i, text in enumerate(texts):
    several[i, 0] |= int("happy" in text)
one = np.array([formula_ids(f"class {i}", 1, LABELS)[0] for i in range(len(texts))])
several_fits = [exact().fit(x, several[:, label]) for label in range(LABELS)]
one_fit = exact().fit(x, one)
fresh = ["so happy", "I was very sad that day", "unknown words only", ""]
z = vectorizer.transform(fresh)
digits = lambda values: [float(f"{value:.10g}") for value in np.asarray(values).flatten()]
write(
    Path(__file__).with_name("text_classifier.json"),
    {
        "by": {"script": "text_classifier.py", "scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "texts": texts,
        "fresh": fresh,
        "c": C,
        "features": vectorizer.get_feature_names_out().tolist(),
        "idf": digits(vectorizer.idf_),
        "rows": [[[int(column), float(f"{value:.12g}")] for column, value in zip(row.indices, row.data)] for row in x],
        "multi-label": {
            "labels": [np.flatnonzero(row).tolist() for row in several],
            "weights": digits(np.array([fit.coef_[0] for fit in several_fits]).T),
            "biases": digits([fit.intercept_[0] for fit in several_fits]),
            "probabilities": digits(np.array([fit.predict_proba(z)[:, 1] for fit in several_fits]).T),
        },
        "single-label": {
            "labels": [[int(label)] for label in one],
            "weights": digits(one_fit.coef_.T),
            "biases": digits(one_fit.intercept_),
            "probabilities": digits(one_fit.predict_proba(z)),
        },
    },
)

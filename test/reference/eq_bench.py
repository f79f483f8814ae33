"""Scores of lm-evaluation-harness's task `eq_bench` for fabricated answers to the embedded questions, for test/eval/eq-bench-lm-eval.test.ts.

usage: python eq_bench.py PATH        writes eq_bench.json beside this file

PATH is lm_eval/tasks/eq_bench/utils.py of an unpacked wheel (`pip download --no-deps lm_eval`): it needs nothing else of the package.
"""

import contextlib
import importlib.util
import io
import json
import platform
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUESTIONS = HERE.parents[1] / "src/world/data/eq_bench/eq_bench_v2_questions_24.json"
QUESTION_COUNT = 12


def load(path):
    spec = importlib.util.spec_from_file_location("eq_bench_utils", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines(names, scores, template="{}: {}"):
    return "\n".join(template.format(name, score) for name, score in zip(names, scores))


def fabricated(names, other, rng):
    """Answers to one question: each a kind and a text."""
    r = lambda: rng.randint(0, 10)
    scores = [r() for _ in names]
    plain = lines(names, scores)
    shuffled = rng.sample(names, 4)
    yield "good", plain
    yield "other order", lines(shuffled, [r() for _ in names])
    yield "zeros", lines(names, [0, 0, 0, 0])
    yield "text around", f"Here is my answer.\n\n{plain}\n\n[End of answer] I hope that it helps."
    yield "one line", lines(names, scores).replace("\n", ", ")
    yield "duplicate", f"{plain}\n{names[0]}: {r()}"
    yield "whole duplicate", f"{plain}\n\n{lines(names, [r() for _ in names])}"
    yield "duplicate in part", f"{plain}\n\n{names[1]}: {r()}\n{names[3]}: {r()}"
    yield "decimals", lines(names, [f"{score}.{r() % 10}" for score in scores])
    yield "of ten", lines(names, [f"{score}/10" for score in scores])
    yield "missing", lines(names[:3], scores)
    yield "other names", lines(other, scores)
    yield "one other name", lines([*names[:3], other[0]], scores)
    yield "extra line", f"{plain}\nConfidence: {r()}"
    yield "extra words", f"{plain}\nReasoning: they are upset. Note: see above."
    yield "time of day", f"{plain}\nAt 12: 30 they left."
    yield "lower case", lines([name.lower() for name in names], scores)
    yield "one lower case", lines([names[0].lower(), *names[1:]], scores)
    yield "upper case", lines([name.upper() for name in names], scores)
    yield "no space", lines(names, scores, "{}:{}")
    yield "many spaces", lines(names, scores, "{}: \t \n {}")
    yield "space before", lines(names, scores, "{} : {}")
    yield "bold name", lines(names, scores, "**{}**: {}")
    yield "bold with colon", lines(names, scores, "**{}:** {}")
    yield "list", lines(names, scores, "- {}: {}")
    yield "numbered", "\n".join(f"{i + 1}. {name}: {score}" for i, (name, score) in enumerate(zip(names, scores)))
    yield "dash", lines(names, scores, "{} - {}")
    yield "equals", lines(names, scores, "{} = {}")
    yield "negative", lines(names, [-score for score in scores])
    yield "one negative after", f"{plain}\n{names[2]}: -4"
    yield "plus", lines(names, scores, "{}: +{}")
    yield "large", lines(names, [score + rng.choice([0, 5, 90, 10**6, 10**20]) for score in scores])
    yield "leading zeros", lines(names, [f"00{score}" for score in scores])
    yield "words", lines(names, ["seven", "two", "none", "ten"])
    yield "template", lines(names, ["<score>"] * 4)
    yield "prefix", lines([f"Very{name}" for name in names], scores)
    yield "hyphen before", lines([f"self-{name}" for name in names], scores)
    yield "underscore", lines([f"_{name}_" for name in names], scores)
    yield "accent before", lines([f"é{name}" for name in names], scores)
    yield "accented extra", f"{plain}\nGêné: {r()}"
    yield "chinese extra", f"{plain}\n愤怒: {r()}"
    yield "combining mark", lines([f"{name}\u0301" for name in names], scores)
    yield "wide colon", lines(names, scores, "{}：{}")
    yield "wide digits", lines(names, [chr(0xFF10 + score % 10) for score in scores])
    yield "arabic digits", lines(names, [chr(0x0660 + score % 10) for score in scores])
    yield "mathematical digits", lines(names, [chr(0x1D7D8 + score % 10) for score in scores])
    yield "superscript", lines(names, [f"{score}\u00b2" for score in scores])
    yield "only superscript", lines(names, ["\u00b2"] * 4)
    yield "no-break space", lines(names, scores, "{}:\u00a0{}")
    yield "odd spaces", lines(names, scores, "{}:" + rng.choice(["\u2003", "\u0085", "\u001f", "\u2028", "\u3000"]) + "{}")
    yield "byte order mark", lines(names, scores, "{}:\ufeff{}")
    yield "zero-width space", lines(names, scores, "{}:\u200b{}")
    yield "table", lines(names, scores, "| {} | {} |")
    yield "json", json.dumps(dict(zip(names, scores)))
    yield "python dict", str(dict(zip(names, scores)))
    yield "windows lines", plain.replace("\n", "\r\n")
    yield "revision", f"First pass scores:\n{lines(names, [r() for _ in names])}\n\nCritique: hm\n\nRevised scores:\n{plain}"
    yield "empty", ""
    yield "white space", " \n\t"
    yield "cut", plain[: rng.randint(1, len(plain) - 1)]
    yield "noise", "".join(rng.choice([*names, *other, ":", ": ", " ", "\n", "0", "7", "10", ".", "-", "*", "é"]) for _ in range(60))


def main(path):
    utils = load(path)
    rng = random.Random(20260101)
    questions = json.loads(QUESTIONS.read_text())
    names_of = lambda question: [question["reference_answer_fullscale"][f"emotion{i}"] for i in range(1, 5)]
    rows = []
    for n, (key, question) in enumerate(list(questions.items())[:QUESTION_COUNT]):
        other = names_of(list(questions.values())[(n + 1) % len(questions)])
        docs = {"reference_answer_fullscale": str(question["reference_answer_fullscale"])}
        for kind, text in fabricated(names_of(question), other, rng):
            with contextlib.redirect_stdout(io.StringIO()):
                result = utils.calculate_score_fullscale(docs, [text])
            rows.append([key, kind, text, result["eqbench"], result["percent_parseable"]])
    count = len(rows)
    total = {"eqbench": sum(row[3] for row in rows) / count, "percent_parseable": sum(row[4] for row in rows) / count}
    (about,) = Path(path).resolve().parents[3].glob("lm_eval-*.dist-info")
    version = about.name.removeprefix("lm_eval-").removesuffix(".dist-info")
    by = {"script": "eq_bench.py", "python": platform.python_version(), "lm_eval": version}
    target = HERE / "eq_bench.json"
    target.write_text(json.dumps({"by": by, "count": count, "total": total, "rows": rows}, ensure_ascii=True, separators=(",", ":")) + "\n")
    print(target.name, target.stat().st_size, "bytes,", count, "answers,", sum(row[4] == 100 for row in rows), "parseable")


main(sys.argv[1])

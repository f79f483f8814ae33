"""Looks at what a run of a wrapped notebook left.

check_run.py RUN.ipynb STAGE WORKING      every cell ran, nothing failed, the stage's files are there, nothing else is saved
check_run.py --break IN.ipynb OUT.ipynb   puts a failing TypeScript cell in the second place
check_run.py --broken RUN.ipynb           the failed cell shows the TypeScript error, and no cell after it ran
"""

import json
import os
import re
import sys

FILES = {
    "01_sft": ["sft/adapter_model.safetensors", "sft_loss.svg"],
    "02_heads": ["heads/emotion_head.pt", "heads/strategy_head.pt", "heads/strategy_given_head.pt"],
    "03_dpo": ["dpo/adapter_model.safetensors", "pairs.jsonl", "sft/adapter_model.safetensors"],
    "04_eqbench": ["results.xlsx", "results2.xlsx", "samples.jsonl", "eq_configurations.svg"],
}


def code_cells(path):
    with open(path, encoding="utf-8") as file:
        return [cell for cell in json.load(file)["cells"] if cell["cell_type"] == "code"]


def plain(text):
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def check(path, stage, working):
    cells = code_cells(path)
    faults = []
    for number, cell in enumerate(cells, 1):
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                faults.append(f"cell {number}: {output['ename']}: {output['evalue']}")
        if not cell["execution_count"]:
            faults.append(f"cell {number} did not run")
    counts = [cell["execution_count"] for cell in cells]
    if counts != sorted(set(counts)):
        faults.append(f"execution counts: expected ascending, got {counts}")
    pictures = sum("image/svg+xml" in output.get("data", {}) for cell in cells for output in cell["outputs"])
    if pictures == 0 and stage != "04_eqbench":
        faults.append("no chart in any output")
    out = os.path.join(working, "eqlab")
    faults += [f"{name}: expected it in {out}" for name in FILES[stage] if not os.path.exists(os.path.join(out, name))]
    saved = sum(len(files) for _, _, files in os.walk(working))
    if saved > 200:
        faults.append(f"{working}: expected only results, got {saved} files to be saved with the notebook")
    if faults:
        sys.exit("\n".join(faults))
    print(f"   {len(cells)} code cells, {pictures} charts, {saved} files saved")


def break_it(source, target):
    with open(source, encoding="utf-8") as file:
        notebook = json.load(file)
    start = next(i for i, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code")
    failing = {**notebook["cells"][start], "id": "failing", "source": 'const rank: number = 0;\nthrow new RangeError(`rank: expected 1 or more, got ${rank}`);'}
    notebook["cells"].insert(start + 1, failing)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(notebook, file)


def broken(path):
    cells = code_cells(path)
    at = next(i for i, cell in enumerate(cells) if "throw new RangeError" in "".join(cell["source"]))
    errors = [output for output in cells[at]["outputs"] if output["output_type"] == "error"]
    assert len(errors) == 1, cells[at]["outputs"]
    assert (errors[0]["ename"], errors[0]["evalue"]) == ("RangeError", "rank: expected 1 or more, got 0"), errors
    text = plain("\n".join(errors[0]["traceback"]))
    assert ":2:" in text and "eqlab_bridge" not in text, text
    assert all(not cell["execution_count"] for cell in cells[at + 1 :]), "cells after the failed one ran"
    print("   failed as it should:", text.replace("\n", " | "))


if __name__ == "__main__":
    if sys.argv[1] == "--break":
        break_it(*sys.argv[2:4])
    elif sys.argv[1] == "--broken":
        broken(sys.argv[2])
    else:
        check(*sys.argv[1:4])

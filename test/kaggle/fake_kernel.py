"""A kernel for tests of the bridge alone: IPython's, which can do everything that the protocol has. `python fake_kernel.py FOLDER` writes its kernelspec."""

import json
import os
import sys

if __name__ == "__main__":
    folder = os.path.join(sys.argv[1], "kernels", "fake")
    os.makedirs(folder, exist_ok=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "fake",
        "language": "typescript",
        "interrupt_mode": sys.argv[2] if len(sys.argv) > 2 else "signal",
        "env": {"FROM_SPEC": "yes"},
    }
    with open(os.path.join(folder, "kernel.json"), "w", encoding="utf-8") as file:
        json.dump(spec, file)

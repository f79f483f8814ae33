"""Small files of Python's safetensors, for test/files/safetensors.test.ts.

usage: python safetensors_files.py                  writes safetensors.json beside this file
       python safetensors_files.py check FOLDER     compares FOLDER/*.safetensors with FOLDER/expected.json
"""

import base64
import json
import sys
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save

DTYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F64": torch.float64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def make():
    numbers = torch.tensor([[0.0, 1.0, 2.5], [100.0, 7.0, 0.3]])
    tensors = {f"of.{name.lower()}": numbers.to(dtype) for name, dtype in DTYPES.items()}
    tensors |= {"scalar": torch.tensor(-1.5), "empty": torch.empty(3, 0, 2), "10": torch.ones(1), "ключ \"q\"\n": torch.arange(5.0)}
    expected = {k: {"shape": list(v.shape), "values": v.float().flatten().tolist()} for k, v in tensors.items()}
    plain = {"b": torch.ones(2, 2), "a": torch.arange(3, dtype=torch.int64)}
    return {
        "by": f"safetensors_files.py, safetensors {safetensors.__version__}, torch {torch.__version__}",
        "all": {"file": base64.b64encode(save(tensors, {"format": "pt"})).decode(), "tensors": expected},
        "plain": base64.b64encode(save(plain)).decode(),
        "none": base64.b64encode(save({})).decode(),
    }


def check(folder):
    for name, tensors in json.loads((folder / "expected.json").read_text()).items():
        loaded = load_file(folder / name)
        assert set(loaded) == set(tensors), (set(loaded), set(tensors))
        for key, expected in tensors.items():
            tensor = loaded[key]
            assert tensor.dtype == DTYPES[expected["dtype"]] and list(tensor.shape) == expected["shape"], key
            assert torch.equal(tensor.float().flatten(), torch.tensor(expected["values"], dtype=torch.float32)), key
        print(f"{name}: {len(tensors)} tensors are equal")


if sys.argv[1:2] == ["check"]:
    check(Path(sys.argv[2]))
else:
    Path(__file__).with_name("safetensors.json").write_text(json.dumps(make()) + "\n")

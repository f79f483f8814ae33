"""Small .pt files of torch.save, rewrapped and spoiled ones, and a check of ours, for test/files/pt.test.ts.

usage: python pt.py                  writes pt.json beside this file
       python pt.py check FOLDER     compares FOLDER/*.pt with FOLDER/expected.json, loaded with weights_only=True, in memory and mapped
"""

import base64
import gzip
import io
import json
import os
import pickle
import re
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch


class Unseekable(io.RawIOBase):
    """Makes zipfile write sizes behind the data."""

    def __init__(self):
        self.parts = []

    def writable(self):
        return True

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


class Runs:
    def __reduce__(self):
        return os.system, ("exit 1",)


def saved(thing, **options):
    out = io.BytesIO()
    torch.save(thing, out, **options)
    return out.getvalue()


def rewrapped(data, *, stream=False, compression=zipfile.ZIP_STORED, force_zip64=False, change=None):
    target = Unseekable() if stream else io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            content = (change or {}).get(name.split("/", 1)[1], old.read(name))
            if content is None:
                continue
            info = zipfile.ZipInfo(name)  # dated 1980
            info.compress_type = compression
            with new.open(info, "w", force_zip64=force_zip64) as entry:
                entry.write(content)
    return b"".join(target.parts) if stream else target.getvalue()


def packed(data):
    """As text: gzip in base64, since zip files of PyTorch are mostly padding."""
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def pickle_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return file.read(next(name for name in file.namelist() if name.endswith("/data.pkl")))


def good():
    base = torch.arange(24.0)
    model = torch.nn.Sequential(torch.nn.LayerNorm(3), torch.nn.BatchNorm1d(3))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([0.1, -2.0, 3.5]))
    dtypes = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
    of_dtypes = {str(d).removeprefix("torch."): torch.tensor([[0, 1.7, 2], [100, 0.1, 7]]).to(d) for d in dtypes}
    views = OrderedDict(
        whole=base,
        transposed=base.view(4, 6).t(),
        permuted=base.view(2, 3, 4).permute(2, 0, 1),
        middle=base[5:9],
        stepped=base[1::5],
        expanded=base[3:5, None].expand(2, 3),
        column=base.view(4, 6)[:, 2:3],
        half=base.view(4, 6).half().t(),
        scalar=base[7],
        empty=torch.empty(0, 4),
        parameter=torch.nn.Parameter(base[2:4]),
        frozen=torch.nn.Parameter(torch.tensor([9.0]), requires_grad=False),
    )
    many = OrderedDict((f"layer.{i}", torch.tensor([float(i)])) for i in range(40))
    views_file = saved(views)
    files = {"module": (model.state_dict(), None), "dtypes": (of_dtypes, None), "views": (views, views_file), "many": (many, None)}
    files["nothing"] = ({}, None)
    files["rewrapped"] = (views, rewrapped(views_file))
    files["streamed"] = (views, rewrapped(views_file, stream=True))
    files["zip64 headers"] = (views, rewrapped(views_file, force_zip64=True))
    files["without byteorder"] = (views, rewrapped(views_file, change={"byteorder": None}))
    result = {}
    for name, (state, data) in files.items():
        data = data or saved(state)
        for key, tensor in torch.load(io.BytesIO(data), weights_only=True).items():
            assert torch.equal(tensor, state[key]), (name, key)
        tensors = {k: {"shape": list(v.shape), "values": v.float().flatten().tolist()} for k, v in state.items()}
        result[name] = {"file": packed(data), "tensors": tensors}
    return result


def bad():
    state = {"w": torch.arange(6.0)}
    plain = saved(state)
    inside = pickle_of(plain)
    files = {
        "runs a command": rewrapped(plain, change={"data.pkl": pickle.dumps({"w": Runs()}, protocol=2)}),
        "protocol 4": saved(state, pickle_protocol=4),
        "before 1.6": re.sub(rb"\d{12,}", b"94163192223360", saved(state, _use_new_zipfile_serialization=False)),  # an address
        "compressed": rewrapped(plain, compression=zipfile.ZIP_DEFLATED),
        "checkpoint": saved({"epoch": 3, "model": state}),
        "list": saved([torch.ones(1)]),
        "tensor": saved(torch.ones(1)),
        "complex": saved({"w": torch.ones(2, dtype=torch.complex64)}),
        "sparse": saved({"w": torch.eye(2).to_sparse()}),
        "negative view": saved({"w": torch._neg_view(torch.ones(2))}),
        "whole module": saved(torch.nn.Linear(1, 1)),
        "big-endian": rewrapped(plain, change={"byteorder": b"big"}),
        "short storage": rewrapped(plain, change={"data/0": b"\0" * 20}),
        "long storage": rewrapped(plain, change={"data/0": b"\0" * 28}),
        "no storage": rewrapped(plain, change={"data/0": None}),
        "shape beyond storage": rewrapped(plain, change={"data.pkl": inside.replace(b"K\x06\x85", b"K\x07\x85")}),
        "offset beyond storage": rewrapped(plain, change={"data.pkl": inside.replace(b"QK\x00", b"QK\x01")}),
        "stride beyond storage": rewrapped(plain, change={"data.pkl": inside.replace(b"K\x01\x85", b"K\x02\x85")}),
        "negative size": rewrapped(plain, change={"data.pkl": inside.replace(b"K\x06\x85", b"J\xff\xff\xff\xff\x85")}),
        "more than the pickle": rewrapped(plain, change={"data.pkl": inside + b"."}),
        "a pickle cut short": rewrapped(plain, change={"data.pkl": inside[:-1]}),
        "values from nothing": saved({"w": torch.zeros(1).expand(10**9)}),
        "same values often": saved(dict.fromkeys(map(str, range(100)), torch.zeros(1000))),
    }
    for name, data in files.items():
        assert name in ("values from nothing", "same values often") or data != plain, name
    return {name: packed(data) for name, data in files.items()}


def pickles():
    """What torch.save puts into data.pkl for contiguous float32 tensors of these shapes."""
    shapes = {"scalar": [], "vector": [3], "matrix": [2, 300], "three": [1, 2, 3], "four": [2, 1, 1, 2], "empty": [0, 4], "large": [300, 300]}
    cases = [shapes, {}, {"alone": [2]}, {f"n{i}": [1] for i in range(40)}]
    return [
        {"shapes": list(case.items()), "pickle": packed(pickle_of(saved(OrderedDict((k, torch.zeros(s)) for k, s in case.items()))))}
        for case in cases
    ]


def digests():
    """The same for more members than Python sets at a time."""
    import hashlib

    cases = {n: OrderedDict((f"n{i}", torch.zeros(1)) for i in range(n)) for n in (1000, 1001, 2500)}
    return {n: hashlib.sha256(pickle_of(saved(state))).hexdigest() for n, state in cases.items()}


def check(folder):
    for name, tensors in json.loads((folder / "expected.json").read_text()).items():
        for mmap in (False, True):
            loaded = torch.load(folder / name, weights_only=True, mmap=mmap)
            assert type(loaded) is OrderedDict and list(loaded) == [key for key, _ in tensors], name
            for key, expected in tensors:
                tensor = loaded[key]
                assert tensor.dtype == torch.float32 and list(tensor.shape) == expected["shape"] and tensor.is_contiguous(), key
                assert torch.equal(tensor.flatten(), torch.tensor(expected["values"])), key
                assert tensor.numel() == 0 or not mmap or tensor.data_ptr() % 64 == 0, key
        print(f"{name}: {len(tensors)} tensors are equal")


if sys.argv[1:2] == ["check"]:
    check(Path(sys.argv[2]))
else:
    torch.manual_seed(0)
    result = {"by": f"pt.py, torch {torch.__version__}", "good": good(), "bad": bad(), "pickles": pickles(), "digests": digests()}
    Path(__file__).with_suffix(".json").write_text(json.dumps(result) + "\n")

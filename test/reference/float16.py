"""Conversions between float32 and 16-bit floats as PyTorch and NumPy make them, for test/files/float16.test.ts.

usage: python float16.py        writes float16.json beside this file
"""

import hashlib
import json
from pathlib import Path

import numpy
import torch

# The bits of float32 values: a multiplicative walk through all exponents, and what lies on and beside the points where rounding turns.
WALK = 2**20
walk = (numpy.arange(WALK, dtype=numpy.uint64) * 2654435761 % 2**32).astype(numpy.uint32)
anchors = [0, 1, 0x007FFFFF, 0x00800000, 0x33000000, 0x33800000, 0x33C00000, 0x387FC000, 0x387FE000, 0x38800000, 0x3F800000]
anchors += [0x3F801000, 0x3F803000, 0x3F808000, 0x3F818000, 0x477FE000, 0x477FEFFF, 0x477FF000, 0x47800000, 0x7F7F8000, 0x7F7FFFFF]
anchors += [0x7F800000, 0x7FC00000, 0x7F800001, 0x7FFFFFFF]
edges = sorted({(a + d) % 2**32 | s for a in anchors for d in (-1, 0, 1) for s in (0, 0x80000000)})
edges = numpy.array(edges, dtype=numpy.uint32)


def narrow(bits, dtype):
    """The 16 bits of float32 values; NaNs, whose payload differs between processors, become one NaN."""
    values = torch.from_numpy(bits.view(numpy.float32).copy())
    out = values.to(dtype).view(torch.int16).numpy().view(numpy.uint16).copy()
    out[torch.isnan(values).numpy()] = 0x7E00 if dtype is torch.float16 else 0x7FC0
    if dtype is torch.float16:
        with numpy.errstate(over="ignore"):
            other = bits.view(numpy.float32).astype(numpy.float16).view(numpy.uint16)
        same = (out == other) | torch.isnan(values).numpy()
        assert same.all(), "PyTorch and NumPy differ"
    return out


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


every = numpy.arange(2**16, dtype=numpy.uint16)
wide_half = every.view(numpy.float16).astype(numpy.float32)
wide_brain = torch.from_numpy(every.view(numpy.int16).copy()).view(torch.bfloat16).float().numpy()
wide_brain = wide_brain.view(numpy.uint32)
wide_half = wide_half.view(numpy.uint32).copy()
wide_half[numpy.isnan(wide_half.view(numpy.float32))] = 0x7FC00000
wide_brain = wide_brain.copy()
wide_brain[numpy.isnan(wide_brain.view(numpy.float32))] = 0x7FC00000

whole = [0, 1, -1, 2**24 + 1, -(2**24) - 1, 2**53, 2**53 + 1, 2**54 + 2**30 + 1, 2**54 + 2**30, 2**54 + 3 * 2**30, -(2**54) - 2**30 - 1]
whole += [2**62 + 2**38, 2**62 + 2**38 + 1, 2**63 - 1, -(2**63)]
result = {
    "by": f"float16.py, torch {torch.__version__}, numpy {numpy.__version__}",
    "edges": [[int(b), int(h), int(f)] for b, h, f in zip(edges, narrow(edges, torch.float16), narrow(edges, torch.bfloat16))],
    "walk": {"count": WALK, "float16": digest(narrow(walk, torch.float16)), "bfloat16": digest(narrow(walk, torch.bfloat16))},
    "widened": {"float16": digest(wide_half), "bfloat16": digest(wide_brain)},
    "int64": [[str(v), torch.tensor([v]).float().item()] for v in whole],
}
assert numpy.array_equal(torch.tensor(whole).float().numpy(), numpy.array(whole, dtype=numpy.int64).astype(numpy.float32))
Path(__file__).with_suffix(".json").write_text(json.dumps(result) + "\n")
print(f"{len(edges)} edges, {WALK} walked, {len(whole)} whole numbers")

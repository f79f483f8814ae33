#!/usr/bin/env bash
# Sets up the Python environment whose values the tests are compared with: PyTorch on the CPU, transformers, PEFT and TRL, at the
# versions in requirements.txt. No CUDA or Triton package is installed, whichever build of torch pip finds.
#
# usage: test/reference/setup-oracle.sh DIR        then: DIR/bin/python ...
#
# DIR becomes a virtual environment (2.0 GB with the CUDA build of torch), or is brought up to date if it is one. Run it again after
# a failure. PYTHON names the interpreter (python3.11). Where pip looks is pip's own configuration: set PIP_FIND_LINKS or
# PIP_EXTRA_INDEX_URL to offer a CPU build, which is preferred, or a torch wheel already downloaded.
#
# With a CPU build, this is `pip install -r requirements.txt`. With the CUDA build (0.5 GB), everything is installed without
# dependency resolution, and cuda-stubs.py (gcc, binutils) stands in for the CUDA libraries that torch is linked against.
set -euo pipefail
shopt -s inherit_errexit # a failure inside $(...) ends the script

[[ $# -eq 1 ]] || { echo "usage: $0 DIR" >&2; exit 2; }
dir=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
requirements=$here/requirements.txt
python=$dir/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK=1

[[ -x $python ]] || "${PYTHON:-python3.11}" -m venv "$dir"
"$python" -c 'import sys; v = sys.version_info[:2]; v == (3, 11) or sys.exit(f"requirements.txt: expected Python 3.11, got {v[0]}.{v[1]}")'
site=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# Prints the CUDA and Triton packages among those that `pip install --dry-run "$@"` names and those that they require. With
# --no-deps this looks one level deep and fetches only what is named: a full dry run was seen to download every wheel, and so
# would fetch the CUDA packages only to refuse them.
cuda_among() {
  "$python" -m pip install --dry-run --ignore-installed --quiet --report "$temporary/report.json" "$@" >&2
  "$python" - "$temporary/report.json" <<'PYTHON'
import json, re, sys
from pip._vendor.packaging.requirements import Requirement

names = set()
for item in json.load(open(sys.argv[1]))["install"]:
    names.add(item["metadata"]["name"])
    for text in item["metadata"].get("requires_dist", []):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.add(requirement.name)
print(*sorted(name for name in names if re.match(r"nvidia|cuda|triton|pytorch.triton", name.lower())))
PYTHON
}

torch=$(grep '^torch==' "$requirements")
"$python" -m pip download --quiet --no-deps --dest "$temporary" "$torch"
wheel=$(echo "$temporary"/torch-*.whl)
found=$(cuda_among --no-deps "$wheel")
if [[ -z $found ]]; then
  found=$(cuda_among -r "$requirements")
fi
if [[ -z $found ]]; then
  "$python" -m pip install --quiet -r "$requirements"
else
  echo "oracle: $(basename "$wheel") requires $found: installing without them"
  "$python" -m pip install --quiet --no-deps "$wheel"
  "$python" -m pip install --quiet --no-deps -r "$requirements"
  "$python" "$here/cuda-stubs.py" "$site"
fi

if "$python" -m pip list --format=freeze | grep -iE '^(nvidia|cuda|triton|pytorch.triton)'; then
  echo "$dir: expected no CUDA or Triton package, got the above" >&2
  exit 1
fi
"$python" -m pip check
HF_HUB_OFFLINE=1 "$python" - <<'PYTHON'
import peft, torch, transformers, trl
from trl import DPOTrainer, SFTTrainer  # the parts that values come from

assert not torch.cuda.is_available()
x = torch.randn(64, 64, requires_grad=True)
(x @ x).sum().backward()
assert torch.allclose(x.grad, x.detach().sum(1).expand(64, 64) + x.detach().sum(0)[:, None], atol=1e-4)
config = transformers.GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
model = peft.get_peft_model(transformers.GPT2LMHeadModel(config), peft.LoraConfig(target_modules=["c_attn"], fan_in_fan_out=True))
ids = torch.arange(8)[None]
model(input_ids=ids, labels=ids).loss.backward()
print(f"oracle: torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}, trl {trl.__version__}: ready")
PYTHON

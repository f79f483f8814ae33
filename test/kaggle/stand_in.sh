#!/usr/bin/env bash
# A stand-in for Kaggle: its Python packages, its folders (input read-only), no internet, no Node but the pack's; one papermill run a notebook.
#
#   bash test/kaggle/stand_in.sh FOLDER [kaggle|current|old]... [--only bridge|notebooks]
#
# FOLDER keeps the environments (1 GB each), the pack and the runs; a second call uses again what is there (remove FOLDER/pack after changes).
#   kaggle   the versions of Kaggle's image: jupyter_client 7.4.9, ipykernel 6.17.1, IPython 7.34, nbclient 0.5.13 (by its nbconvert 6.4.5)
#   current  the newest of each
#   old      as kaggle, with papermill 2.4.0 and nbclient 0.7.2
# PYTHON names the Python to make them with (3.11 or 3.12; default python3), PYTHON_OLD the one for old (3.10 or newer).
# About 8 minutes an environment on two cores, with tiny settings: nothing here says how well anything was learnt.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
[ $# -ge 1 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1" && folder=$(cd "$1" && pwd) && shift
environments=() only=""
while [ $# -gt 0 ]; do
  case $1 in
    kaggle | current | old) environments+=("$1"); shift ;;
    --only) only=$2; shift 2 ;;
    *) echo "stand_in: expected kaggle, current, old or --only, got $1" >&2; exit 2 ;;
  esac
done
[ ${#environments[@]} -gt 0 ] || environments=(kaggle current)
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYDEVD_DISABLE_FILE_VALIDATION=1
say() { printf '== %s\n' "$*"; }

packages_of() {
  case $1 in
    kaggle) echo jupyter_client==7.4.9 ipykernel==6.17.1 ipython==7.34.0 nbclient==0.5.13 papermill ipywidgets==8.1.5 ;;
    current) echo jupyter_client ipykernel ipython nbclient papermill ipywidgets ;;
    old) echo jupyter_client==7.4.9 ipykernel==6.17.1 ipython==7.34.0 nbclient==0.7.2 papermill==2.4.0 ipywidgets==8.1.5 ;;
  esac
}

environment() {
  local name=$1 venv=$folder/venv-$1 python=${PYTHON:-python3}
  [ "$name" = old ] && python=${PYTHON_OLD:-$python}
  [ -x "$venv/bin/papermill" ] && return
  say "environment $name"
  "$python" -m venv "$venv"
  # shellcheck disable=SC2046
  "$venv/bin/pip" install --quiet $(packages_of "$name")
  # Kaggle's image has a TensorFlow, which the engine binds to; only its libraries are wanted.
  "$venv/bin/pip" install --quiet --no-deps tensorflow-cpu==2.20.0 || say "no TensorFlow 2.20 here: the runs use the WASM engine"
}

# Runs a command as in a session without internet: an own network with only the local address; $kaggle/input cannot be written.
offline() {
  if unshare -rnm true 2>/dev/null; then
    unshare -rnm bash -c 'ip link set lo up; mount --bind "$0/input" "$0/input" && mount -o remount,bind,ro "$0/input"; shift 0; exec "$@"' "$kaggle" "$@"
  else
    say "no own network allowed here: proxies that lead nowhere instead"
    http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 "$@"
  fi
}

# A PATH in which there is no Node.
without_node() {
  local bin=$folder/bin file name
  if [ ! -d "$bin" ]; then
    mkdir -p "$bin"
    for file in /usr/bin/* /bin/* /usr/sbin/*; do
      name=$(basename "$file")
      case $name in node | nodejs | npm | npx | corepack) ;; *) ln -sf "$file" "$bin/$name" ;; esac
    done
  fi
  echo "$bin"
}

notebooks() {
  local name=$1 venv=$folder/venv-$1 stage slug out status
  local kaggle=$folder/$name/kaggle
  rm -rf "${folder:?}/$name"
  mkdir -p "$kaggle/input" "$kaggle/working" "$folder/$name/home" "$folder/$name/runs"
  cp -r "$folder/pack" "$kaggle/input/eqlab-pack"
  node "$root/kaggle/make.mjs" --user tester --out "$folder/$name/build" --kaggle "$kaggle" >/dev/null
  session() {
    offline env -i HOME="$folder/$name/home" PATH="$venv/bin:$(without_node)" LANG=C.UTF-8 PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=1 PYDEVD_DISABLE_FILE_VALIDATION=1 \
      EQLAB_KAGGLE="$kaggle" EQLAB_HOME="$folder/$name/project" KAGGLE_KERNEL_RUN_TYPE=Batch \
      EQLAB_SFT_STEPS=2 EQLAB_SFT_CONVERSATIONS=40 EQLAB_HELD_OUT=4 EQLAB_HEAD_TEXTS=60 EQLAB_HEAD_DIALOGUES=30 \
      EQLAB_DPO_PAIRS=8 EQLAB_DPO_STEPS=2 EQLAB_EQ_QUESTIONS=3 EQLAB_EQ_TOKENS=6 "$@"
  }
  for stage in 01_sft 02_heads 03_dpo 04_eqbench; do
    slug=eqlab-${stage//_/-}
    out=$folder/$name/runs/$stage.ipynb
    say "$name: $stage"
    rm -rf "$kaggle/working" && mkdir -p "$kaggle/working" # each notebook has a session of its own
    status=0
    session "$venv/bin/papermill" "$folder/$name/build/$slug/$stage.ipynb" "$out" --cwd "$kaggle/working" -k python3 --no-progress-bar \
      >"$folder/$name/runs/$stage.log" 2>&1 || status=$?
    [ $status -eq 0 ] || { tail -n 40 "$folder/$name/runs/$stage.log"; return 1; }
    "$venv/bin/python" "$here/check_run.py" "$out" "$stage" "$kaggle/working"
    mkdir -p "$kaggle/input/$slug" && cp -r "$kaggle/working/." "$kaggle/input/$slug/" # its output, attached to the next
  done
  say "$name: a cell that fails"
  "$venv/bin/python" "$here/check_run.py" --break "$folder/$name/build/eqlab-01-sft/01_sft.ipynb" "$folder/$name/runs/broken-in.ipynb"
  status=0
  session "$venv/bin/papermill" "$folder/$name/runs/broken-in.ipynb" "$folder/$name/runs/broken.ipynb" --cwd "$kaggle/working" -k python3 --no-progress-bar \
    >"$folder/$name/runs/broken.log" 2>&1 || status=$?
  [ $status -ne 0 ] || { echo "papermill: expected to fail with the cell, it did not" >&2; return 1; }
  "$venv/bin/python" "$here/check_run.py" --broken "$folder/$name/runs/broken.ipynb"
  say "$name: the bridge with the project's kernel"
  (cd "$here" && session env EQLAB_CELLS="$kaggle/working" "$venv/bin/python" -m unittest test_eqlab)
  # Nothing that was started may be left.
  if pgrep -f "$folder/$name/project" >/dev/null; then
    echo "processes left behind:" >&2
    pgrep -af "$folder/$name/project" >&2
    return 1
  fi
}

for name in "${environments[@]}"; do
  environment "$name"
  if [ "$only" != notebooks ]; then
    say "$name: the bridge alone"
    (cd "$here" && "$folder/venv-$name/bin/python" -W ignore -m unittest test_bridge)
  fi
done
if [ "$only" != bridge ]; then
  if [ ! -f "$folder/pack/eqlab-pack.json" ]; then
    say "the pack"
    node "$root/kaggle/pack.mjs" --user tester --out "$folder/pack"
  fi
  for name in "${environments[@]}"; do notebooks "$name"; done
fi
say "all fine: ${environments[*]}"

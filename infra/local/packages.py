"""Makes deployable packages of the functions' binaries, for deploy.py.

Each is made once for each build of a binary, in `.local/packages/`, whichever stack asks; so many
test stacks deploy fast, and a rebuild does not change a stack that is already deployed.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".local/packages"
KEPT = 48  # three builds of sixteen functions


def zipped(binary: Path, strip: bool) -> Path:
    """Makes a zip with the binary as `bootstrap`, the form that AWS accepts."""

    def make(bootstrap: Path) -> Path:
        archive_path = bootstrap.with_name("made.zip")
        entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o100755 << 16
        with zipfile.ZipFile(archive_path, "w") as archive:
            archive.writestr(entry, bootstrap.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
        return archive_path

    return _cached(binary, strip, ".zip", make)


def unpacked(binary: Path, strip: bool) -> Path:
    """Makes a directory with the binary as `bootstrap`, as after unzipping."""
    return _cached(binary, strip, "", lambda bootstrap: bootstrap.parent)


def _cached(binary: Path, strip: bool, suffix: str, make: Callable[[Path], Path]) -> Path:
    if not binary.is_file():
        raise SystemExit(f"{binary} is missing: build it first")
    # Of the file as it is, not of its bytes: that is 40 MB for each function of each stack.
    file = binary.stat()
    known = f"{binary.resolve()} {file.st_size} {file.st_mtime_ns} {file.st_ino}"
    digest = hashlib.sha256(known.encode()).hexdigest()
    target = CACHE / f"{digest}{'-stripped' if strip else ''}{suffix}"
    with contextlib.suppress(FileNotFoundError):
        os.utime(target)  # the oldest go first
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    # Made under another name and moved, because several deployments may run at once.
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="making-") as work:
        bootstrap = Path(work, "package", "bootstrap")
        bootstrap.parent.mkdir()
        shutil.copyfile(binary, bootstrap)
        bootstrap.chmod(0o755)
        with open(bootstrap, "rb") as start:
            is_elf = start.read(4) == b"\x7fELF"  # a script that stands in is left as it is
        if strip and is_elf:
            subprocess.run(["strip", bootstrap], check=True)
        try:
            os.rename(make(bootstrap), target)
        except OSError:
            if not target.exists():  # else another deployment was first
                raise
    _forget_old()
    return target


def _forget_old() -> None:
    made = []
    for path in CACHE.iterdir():
        # Another deployment may remove it too.
        with contextlib.suppress(FileNotFoundError):
            if not path.name.startswith("making-"):
                made.append((path.stat().st_mtime, path))
    for _, old in sorted(made, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)

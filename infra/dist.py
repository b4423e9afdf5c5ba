"""Collects a release in target/dist: zips of both architectures, checksums, a bill of materials.

    dist.py zips ARCH          # takes the zips that `make build ARCH=...` left in target/lambda
    dist.py finish             # SBOM, template, notes, VERSION and SHA256SUMS

`make dist` calls both. Standard library only. The bill of materials is CycloneDX, a file a function, written by
cargo-cyclonedx, which is installed in .local/ at its first use.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "target/dist"
TOOLS = ROOT / ".local/tools"
CYCLONEDX = "0.5.9"


def say(text: str) -> None:
    print(f"dist: {text}", flush=True)


def functions() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("functions/*/Cargo.toml"))


def version() -> str:
    asked = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    metadata = json.loads(subprocess.check_output(asked, cwd=ROOT))
    (found,) = {package["version"] for package in metadata["packages"]}
    return found


def zips(arch: str) -> None:
    """Copies the zips of one architecture under the names that they have in a release."""
    DIST.mkdir(parents=True, exist_ok=True)
    for name in functions():
        archive = ROOT / "target/lambda" / name / "bootstrap.zip"
        if not archive.is_file():
            raise SystemExit(f"dist: {archive.relative_to(ROOT)} is missing: make build ARCH={arch}")
        shutil.copyfile(archive, DIST / f"penstock-{version()}-{name}-{arch}.zip")
    say(f"{len(functions())} zips for {arch}")


def cyclonedx() -> Path:
    tool = TOOLS / "bin/cargo-cyclonedx"
    if not tool.exists():
        say(f"installing cargo-cyclonedx {CYCLONEDX} in .local/, some minutes")
        install = ["cargo", "install", "--locked", "--root", TOOLS, "--version", CYCLONEDX]
        subprocess.run([*install, "cargo-cyclonedx"], cwd=ROOT, check=True)
    return tool


def bills() -> None:
    """Writes a bill of materials for each function: the crates that its binary links on Linux."""
    tool = cyclonedx()
    for name in functions():
        written = ROOT / "functions" / name / f"{name}.cdx.json"
        command = [tool, "cyclonedx", "--format", "json", "--target", "all", "--no-build-deps"]
        try:
            manifest = ROOT / "functions" / name / "Cargo.toml"
            subprocess.run([*command, "--manifest-path", manifest], cwd=ROOT, check=True)
            shutil.move(written, DIST / f"penstock-{version()}-{name}.cdx.json")
        finally:
            # cargo-cyclonedx writes one beside each crate of the workspace.
            for other in ROOT.glob("*/**/*.cdx.json"):
                if "target" not in other.relative_to(ROOT).parts:
                    other.unlink()
    say(f"{len(functions())} bills of materials")


def notes(wanted: str) -> str:
    """Returns the version's section of CHANGELOG.md."""
    sections = (ROOT / "CHANGELOG.md").read_text().split("\n## ")
    for section in sections[1:]:
        title, _, body = section.partition("\n")
        if title.split()[0].strip("[]") == wanted:
            return body.strip() + "\n"
    raise SystemExit(f"dist: CHANGELOG.md has no section for {wanted}")


def finish() -> None:
    found = version()
    (DIST / "NOTES.md").write_text(notes(found))
    (DIST / "VERSION").write_text(found + "\n")
    bills()
    shutil.copyfile(ROOT / "infra/template.yaml", DIST / f"penstock-{found}-template.yaml")
    released = sorted(path for path in DIST.iterdir() if path.name.startswith("penstock-"))
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in released)
    (DIST / "SHA256SUMS").write_text("".join(lines))
    say(f"{len(released)} files in {DIST.relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Collects a release in target/dist.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("zips").add_argument("arch", choices=["arm64", "x86_64"])
    commands.add_parser("finish")
    wanted = parser.parse_args()
    if wanted.command == "zips":
        zips(wanted.arch)
    else:
        finish()


if __name__ == "__main__":
    sys.exit(main())

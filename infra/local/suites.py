"""Runs every test suite by `cargo test`, three groups of suites at a time.

    python3.11 infra/local/suites.py [ARGUMENTS OF THE TEST BINARIES...]

Cargo runs one test binary after the other, and the long ones mostly wait: for LocalStack, for a
server that is stopped on purpose, for Schemathesis on one core. They run beside the others. The
first group is shown as it runs, and the output of each other one when it has ended. Everything is
built before, so that no group waits for another's build.
"""

import json
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from servers import ROOT, say

# Suites that use LocalStack share a group, so that they do not slow each other down.
BESIDE = [["system", "load", "watch"], ["contract", "history"]]


def named_suites() -> list[str]:
    """Returns the names of the workspace's integration tests."""
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    packages = json.loads(metadata.stdout)["packages"]
    targets = [target for package in packages for target in package["targets"]]
    return [target["name"] for target in targets if "test" in target["kind"]]


def cargo_test(selection: list[str], arguments: list[str]) -> list[str]:
    rest = ["--", *arguments] if arguments else []
    return ["cargo", "test", "--workspace", "--no-fail-fast", *selection, *rest]


def only(suites: list[str]) -> list[str]:
    return [part for suite in suites for part in ("--test", suite)]


def main() -> int:
    arguments, started = sys.argv[1:], time.monotonic()
    apart = {suite for group in BESIDE for suite in group}
    others = [suite for suite in named_suites() if suite not in apart]
    beside = []
    for group in BESIDE:
        say(f"test: running {', '.join(group)} beside the others; their output follows at the end")
        output = tempfile.TemporaryFile()
        command = cargo_test(only(group), arguments)
        running = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        beside.append((running, output))
    failed = subprocess.run(cargo_test(["--lib", "--bins", *only(others)], arguments), cwd=ROOT).returncode
    failed |= subprocess.run(cargo_test(["--doc"], arguments), cwd=ROOT).returncode
    for running, output in beside:
        failed |= running.wait()
        output.seek(0)
        sys.stdout.buffer.write(output.read())
        sys.stdout.flush()
    say(f"test: {'FAILED' if failed else 'all passed'}, {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

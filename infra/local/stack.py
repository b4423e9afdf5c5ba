"""Sets up and runs what Penstock needs on one machine, without Docker.

    python3.11 infra/local/stack.py setup
    python3.11 infra/local/stack.py with [--fast] [--postgres] [--localstack] -- COMMAND...

`with` starts fresh servers on free ports, runs the command with their addresses in its environment,
and stops everything when the command ends. Several may run at once. Standard library only, so that
`setup` works on a machine that has nothing but Python.
"""

import argparse
import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.dont_write_bytecode = True
from servers import LOCAL, REGION, ROOT, VENV, LocalStack, Postgres, run_directory, say, tether

class Environment:
    """Makes a virtual environment from a lock, and checks the hashes."""

    def __init__(self, path: Path, lock: str, size: str) -> None:
        self.path, self.lock, self.size = path, ROOT / "infra/local" / lock, size
        self.stamp = path / "installed-lock.sha256"

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    def is_up_to_date(self) -> bool:
        wanted = hashlib.sha256(self.lock.read_bytes()).hexdigest()
        return self.stamp.exists() and self.stamp.read_text() == wanted

    def make(self) -> None:
        started = time.monotonic()
        wanted = hashlib.sha256(self.lock.read_bytes()).hexdigest()
        packages = sum("==" in line for line in self.lock.read_text().splitlines())
        say(f"setup: making {self.name} ({packages} packages, {self.size})")
        if subprocess.run([sys.executable, "-m", "venv", "--clear", self.path]).returncode:
            raise SystemExit("Python cannot make a virtual environment: on Debian and Ubuntu install python3.11-venv")
        install = [self.path / "bin/pip", "install", "--require-hashes", "--no-deps", "-r", self.lock]
        pip = subprocess.Popen(
            [*install, "--progress-bar", "off", "--disable-pip-version-check"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said, count = [], 0
        for line in pip.stdout:
            said.append(line)
            if line.startswith("Collecting"):
                count += 1
                name = line.split()[1].split("==")[0]
                say(f"setup: {time.monotonic() - started:3.0f} s  {count}/{packages} {name}")
            elif line.startswith("Installing"):
                say(f"setup: {time.monotonic() - started:3.0f} s  unpacking them all")
        if pip.wait() != 0:
            raise SystemExit("setup: pip failed\n" + "".join(said[-30:]))
        self.stamp.write_text(wanted)
        say(f"setup: done in {time.monotonic() - started:.0f} s")


SERVERS = Environment(VENV, "requirements.lock", "1 GB, about a minute")
CONTRACT = Environment(LOCAL / "venv-contract", "contract.lock", "some seconds")
ANALYTICS = Environment(LOCAL / "venv-analytics", "analytics.lock", "260 MB, some seconds")
ENVIRONMENTS = (SERVERS, CONTRACT, ANALYTICS)


def setup() -> int:
    """Makes the environments of `.local/`. Does nothing if they are up to date."""
    if shutil.which("cargo") is None:
        raise SystemExit("cargo is missing: install Rust with rustup, then run this again")
    if all(environment.is_up_to_date() for environment in ENVIRONMENTS):
        say(f"setup: {' and '.join(environment.name for environment in ENVIRONMENTS)} are up to date")
        return 0
    if sys.version_info[:2] != (3, 11):
        found = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SystemExit(f"LocalStack needs Python 3.11, and this is {found}: run it with python3.11")
    os.umask(0o022)  # Postgres' files must be readable to the user it runs as
    LOCAL.mkdir(exist_ok=True)
    with open(LOCAL / "setup.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would install over each other
        for environment in ENVIRONMENTS:
            if not environment.is_up_to_date():
                environment.make()
    return 0


def run_with(wanted: argparse.Namespace) -> int:
    """Starts the requested servers, runs the command, stops the servers. Returns its exit code."""
    if not SERVERS.stamp.exists():
        raise SystemExit("nothing is installed yet: run `make setup`")
    # Processes that the command leaves running become children of this one, and end with it.
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    logs = Path(os.environ.get("PENSTOCK_LOG_DIR", LOCAL / "log")).resolve()
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as cleanup:
        directory = cleanup.enter_context(run_directory())
        cleanup.callback(_reap)
        environment = dict(os.environ)
        environment["PENSTOCK_PYTHON"] = str(VENV / "bin/python")
        environment["PENSTOCK_SCHEMATHESIS"] = str(CONTRACT.path / "bin/st")
        environment["PENSTOCK_LOG_DIR"] = str(logs)
        try:
            if wanted.postgres and not os.environ.get("DATABASE_URL"):
                cluster = cleanup.enter_context(run_directory(in_memory=wanted.fast))
                postgres = Postgres(cluster, fast=wanted.fast)
                cleanup.callback(postgres.stop)
                postgres.start()
                environment["DATABASE_URL"] = postgres.url
            elif wanted.postgres:
                say("Postgres: using the one DATABASE_URL names")
            if wanted.localstack:
                localstack = LocalStack(directory, logs)
                cleanup.callback(localstack.stop)
                localstack.start()
                environment |= {
                    "PENSTOCK_LOCALSTACK_URL": localstack.url,
                    "AWS_ENDPOINT_URL": localstack.url,
                    "AWS_ACCESS_KEY_ID": "test",
                    "AWS_SECRET_ACCESS_KEY": "test",
                    "AWS_REGION": REGION,
                    "AWS_DEFAULT_REGION": REGION,
                }
                environment.pop("AWS_PROFILE", None)
                environment.pop("AWS_SESSION_TOKEN", None)
            return _run(wanted.command, environment)
        except _Stopped as stopped:
            return 128 + stopped.number
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # nothing may interrupt the cleaning up
            cleanup.callback(_end_leftovers)


class _Stopped(BaseException):
    def __init__(self, number: int) -> None:
        self.number = number


def _stop(number: int, _frame) -> None:
    raise _Stopped(number)


def _run(command: list[str], environment: dict[str, str]) -> int:
    try:
        process = subprocess.Popen(command, env=environment, preexec_fn=tether(signal.SIGTERM))
    except FileNotFoundError:
        raise SystemExit(f"there is no {command[0]} to run") from None
    try:
        code = process.wait()
    except _Stopped as stopped:
        # The terminal sent Ctrl-C to the command too; it gets a moment to end by itself.
        if stopped.number != signal.SIGINT:
            process.send_signal(stopped.number)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for last_word in (signal.SIGTERM, signal.SIGKILL):
            try:
                process.wait(5)
                break
            except subprocess.TimeoutExpired:
                process.send_signal(last_word)
        process.wait()
        raise
    return code if code >= 0 else 128 - code


def _end_leftovers() -> None:
    """Ends the processes that the command left running. The servers stop later, each by itself."""
    for number, patience_s in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)):
        limit = time.monotonic() + patience_s
        while leftovers := _leftovers():
            for pid in leftovers:
                os.kill(pid, number)
            if time.monotonic() > limit:
                break
            time.sleep(0.05)


def _reap() -> None:
    """Reaps the processes that ended with LocalStack, such as its functions, which are children of
    this process by then. An init that does not reap, as in many containers, would leave zombies."""
    limit = time.monotonic() + 2
    while time.monotonic() < limit:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)
        except ChildProcessError:
            return


def _leftovers() -> list[int]:
    """Returns the children in this process's session: the servers have sessions of their own."""
    session, found = os.getsid(0), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        state, parent, its_session = fields[0], int(fields[1]), int(fields[3])
        if parent == os.getpid() and its_session == session:
            if state == "Z":
                os.waitpid(int(entry.name), os.WNOHANG)
            else:
                found.append(int(entry.name))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="What Penstock needs on one machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("setup", help="install LocalStack, Postgres and the build tools in .local/")
    run = verbs.add_parser("with", help="run a command with servers beside it")
    run.add_argument("--postgres", action="store_true", help="Postgres, unless DATABASE_URL is set")
    run.add_argument("--localstack", action="store_true", help="AWS's services")
    run.add_argument("--fast", action="store_true", help="Postgres without fsync: for tests only")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    wanted = parser.parse_args()
    if wanted.verb == "setup":
        return setup()
    if wanted.command[:1] == ["--"]:
        del wanted.command[0]
    if not wanted.command:
        parser.error("which command? put it after --")
    return run_with(wanted)


if __name__ == "__main__":
    sys.exit(main())

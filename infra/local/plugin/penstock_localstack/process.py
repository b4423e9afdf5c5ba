"""One function running as a process: started when first needed, kept warm, replaced when it died."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# A child asks the kernel to kill it when the thread that made it ends. LocalStack's worker threads
# come and go, so every child is made by this one thread, which ends with LocalStack itself.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="function-starter")

# Run between fork and exec in place of `preexec_fn`, which may dead-lock in a process with as many
# threads as LocalStack. PR_SET_PDEATHSIG is 1. The parent may have died before that was set, hence
# the check; LC_CTYPE is what Python itself adds to an environment without a locale.
_TETHER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
os.getppid() == int(sys.argv[1]) or os._exit(1)
os.environ.pop("LC_CTYPE", None)
os.execv(sys.argv[2], sys.argv[2:])
"""


class FunctionProcess:
    """A running `bootstrap`. What it prints goes to a log file, and to whoever asks `take_output`."""

    def __init__(self, bootstrap: Path, environment: dict[str, str], log_file: Path) -> None:
        self._output: list[str] = []
        self._lock = threading.Lock()
        self._process = _STARTER.submit(self._start, bootstrap, environment).result()
        self._reader = threading.Thread(target=self._read, args=(log_file,), daemon=True)
        self._reader.start()

    def alive(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        """Returns when the process has ended and all it printed is read."""
        self._process.wait()
        self._reader.join(timeout=1)

    def kill(self) -> None:
        """Ends the process and what it started in turn."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.wait()

    def how_it_ended(self) -> str:
        """The words of Lambda's Runtime.ExitError."""
        code = self._process.wait()
        if code == 0:
            return "Runtime exited without providing a reason"
        if code < 0:
            return f"Runtime exited with error: signal: {signal.strsignal(-code).lower()}"
        return f"Runtime exited with error: exit status {code}"

    def take_output(self) -> str:
        """What was printed since the last call."""
        with self._lock:
            lines, self._output = self._output, []
        return "".join(lines)

    @staticmethod
    def _start(bootstrap: Path, environment: dict[str, str]) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), str(bootstrap)],
            cwd=bootstrap.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _read(self, log_file: Path) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered and in append mode: several environments of a function share the file, and
        # each line is one write.
        with open(log_file, "ab", buffering=0) as log, self._process.stdout as output:
            for line in output:
                log.write(line)
                with self._lock:
                    self._output.append(line.decode("utf-8", "replace"))

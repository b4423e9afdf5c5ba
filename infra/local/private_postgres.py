"""Keeps a Postgres of its own for one test, which stops and starts it (testkit's PrivatePostgres).

Says a line with port, process id and directory once it serves. Then takes words on stdin, and answers
each with `done` and the process id, 0 where none runs: `fast` (clients are cut off, everything is
written out), `immediate` (as good as a crash), `start` (the same cluster, at the same port; nothing if it
runs), `freeze` and `thaw` (all its processes are stopped where they are: it is silent, and refuses
nothing), `fill` and `empty` (its disk is full, and no longer; full_disk.c says how). Ends, and everything
of it, with its stdin: however the test ends, that is closed.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from servers import Postgres, run_directory


class PrivatePostgres(Postgres):
    """A server that can be silent, and whose disk can be full."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, fast=True)
        # Committed rows must survive the server, but need not survive the machine.
        del self.settings["synchronous_commit"]
        self.is_full = directory / "full"

    def prepare(self) -> None:
        """Has the server ask before each write whether its disk is full."""
        library = self.is_full.with_name("full_disk.so")
        source = Path(__file__).with_name("full_disk.c")
        compiler = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
        subprocess.run(compiler, check=True)
        self.environment = {"LD_PRELOAD": str(library), "PENSTOCK_FULL_DISK": str(self.is_full)}

    def start_again(self) -> None:
        if self.process.poll() is not None:
            self.serve()

    def freeze(self) -> None:
        # The one that starts the others first: afterwards there are no new ones, and those that end
        # are still there.
        os.kill(self.process.pid, signal.SIGSTOP)
        for process in self.children():
            os.kill(process, signal.SIGSTOP)

    def thaw(self) -> None:
        for process in (*self.children(), self.process.pid):
            # Where nothing was frozen one may have ended by itself meanwhile.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)

    def children(self) -> list[int]:
        main = self.process.pid
        return [int(child) for child in Path(f"/proc/{main}/task/{main}/children").read_text().split()]

    def fill(self) -> None:
        self.is_full.touch()

    def empty(self) -> None:
        self.is_full.unlink()


def main() -> None:
    # Ctrl-C in the terminal is for the test. Its end closes stdin, which ends this script.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with run_directory(in_memory=True) as directory:
        postgres = PrivatePostgres(directory)
        verbs = {
            "fast": postgres.stop,
            "immediate": postgres.crash,
            "start": postgres.start_again,
            "freeze": postgres.freeze,
            "thaw": postgres.thaw,
            "fill": postgres.fill,
            "empty": postgres.empty,
        }
        try:
            if "--disk" in sys.argv:
                postgres.prepare()
            postgres.start()
            print(postgres.port, postgres.process.pid, directory, flush=True)
            for word in sys.stdin:
                verbs[word.strip()]()
                print("done", postgres.process.pid if postgres.process.poll() is None else 0, flush=True)
        finally:
            if postgres.process and postgres.process.poll() is None:
                postgres.thaw()
            postgres.crash()


if __name__ == "__main__":
    main()

"""Keeps a Postgres of its own for one test, which stops and starts it (testkit's PrivatePostgres).

Says a line with port, process id and directory once it serves. Then takes words on stdin, and answers
each with `done` and the process id, 0 where none runs: `fast` (clients are cut off, everything is
written out), `immediate` (as good as a crash), `start` (the same cluster, at the same port). Ends,
and everything of it, with its stdin: however the test ends, that is closed.
"""

import random
import signal
import socket
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from servers import Postgres, run_directory


def quiet_port() -> int:
    """Returns a free port below those that the kernel gives to outgoing connections. While the
    server is stopped no other socket may get it, least of all a client that tries to connect."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(min(10_240, lowest // 2), lowest), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit("Postgres: no free port")


def main() -> None:
    # Ctrl-C in the terminal is for the test. Its end closes stdin, which ends this script.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with run_directory(in_memory=True) as directory:
        postgres = Postgres(directory, fast=True)
        # Committed rows must survive the server, but need not survive the machine.
        del postgres.settings["synchronous_commit"]
        postgres.port = quiet_port()
        verbs = {"fast": postgres.stop, "immediate": postgres.crash, "start": postgres.serve}
        try:
            postgres.start()
            print(postgres.port, postgres.process.pid, directory, flush=True)
            for word in sys.stdin:
                verbs[word.strip()]()
                print("done", postgres.process.pid if postgres.process.poll() is None else 0, flush=True)
        finally:
            postgres.crash()


if __name__ == "__main__":
    main()

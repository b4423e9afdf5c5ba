"""`make watch`: the functions under `cargo lambda watch`, which builds them again as they change.

    stack.py with --postgres --localstack -- watch.py [--port PORT]

Deploys infra/template.yaml to LocalStack with forward.py in place of each function. So the queues,
the secrets and every function's variables are the template's, and what LocalStack invokes runs here.
A variable that is set in this process's environment, such as by .env, counts in place of the
template's. Rules are off: invoke `fetch` and `relay` by hand, or ask for a run over HTTP.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
import boto3

import template as penstock
from servers import ROOT, VENV, say, tether

STACK = "watch"
SCOPES = ("read", "ingest", "admin")
# Long enough for a machine that is busy with compiling.
PATIENCE_SECONDS = 60


def reserve(port: int) -> socket.socket:
    """Holds a port of loopback, any free one if it is 0, until `cargo lambda watch` listens there.
    Linux lets two sockets with SO_REUSEADDR have a port as long as neither listens."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(("127.0.0.1", port))
    except OSError as error:
        raise SystemExit(f"watch: port {port} cannot be had: {error.strerror}") from None
    return held


def build(functions: list[str]) -> None:
    """Builds what `cargo lambda watch` would build at the first request, one function after another.
    Without `-p`, so that features are chosen as there and as by `make test`, and nothing is built twice."""
    say(f"watch: building {len(functions)} functions")
    bins = [part for name in functions for part in ("--bin", name)]
    if subprocess.run(["cargo", "build", *bins], cwd=ROOT).returncode:
        raise SystemExit("watch: the functions do not compile")


def run(script: str, *arguments: str) -> str:
    """Runs a script of infra/ and returns what it printed; its progress goes to stderr."""
    command = [sys.executable, str(ROOT / "infra" / script), *arguments, f"--stack={STACK}"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"watch: {script} {arguments[0]} failed")
    return done.stdout.strip()


def deploy(functions: list[str], url: str) -> None:
    """Deploys the template with forwarders in place of the functions."""
    parameters = {
        "SchedulesState": "DISABLED",
        "GcalCalendarId": os.environ.get("GCAL_CALENDAR_ID"),
    }
    given = [f"--parameter={name}={value}" for name, value in parameters.items() if value]
    with tempfile.TemporaryDirectory() as stand_ins:
        for name in functions:
            command = f"exec '{sys.executable}' '{ROOT}/infra/local/forward.py' '{url}' '{name}'"
            Path(stand_ins, name).write_text(f"#!/bin/sh\n{command}\n")
        run("local/deploy.py", "create", "--link", f"--binaries={stand_ins}", *given)


def variables() -> dict[str, str]:
    """Returns the variables of all deployed functions: a name means the same in each of them."""
    found: dict[str, str] = {}
    for function in boto3.client("lambda").list_functions()["Functions"]:
        for name, value in function.get("Environment", {}).get("Variables", {}).items():
            if found.setdefault(name, value) != value:
                raise SystemExit(f"watch: the template gives {name} two values, here it can have one")
    return found


def watch(port: int) -> subprocess.Popen:
    """Starts `cargo lambda watch` and waits until it listens."""
    environment = variables() | os.environ
    # As on AWS, the functions take the database's login from its secret.
    environment.pop("DATABASE_URL", None)
    environment["PATH"] = f"{VENV / 'bin'}:{environment['PATH']}"
    command = ["cargo", "lambda", "watch", "--invoke-address=127.0.0.1", f"--invoke-port={port}"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, preexec_fn=tether(signal.SIGTERM)
    )
    started = time.monotonic()
    while not listens(port):
        if process.poll() is not None or time.monotonic() - started > PATIENCE_SECONDS:
            raise SystemExit("watch: `cargo lambda watch` does not start")
        time.sleep(0.05)
    return process


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def explain(url: str, port: int, keys: dict[str, str]) -> None:
    """Prints the commands with which a person can call the functions."""
    event = '{"eventId": "e-1", "userId": "u-1", "sessionId": "s-1", "eventType": "click", "payload": {}}'
    # The program itself: cargo finds its subcommands on PATH, where this one need not be.
    program = f"{VENV.relative_to(ROOT)}/bin/cargo-lambda lambda invoke"
    address = f"--invoke-address 127.0.0.1 --invoke-port {port}"
    print(
        "",
        f"watch: {url} answers. A function is built again when its code changes. Ctrl-C ends it all.",
        "",
        *(f"  {scope:6} {key}" for scope, key in keys.items()),
        "",
        f"  curl -H 'x-api-key: {keys['read']}' {url}/stats",
        f"  curl -H 'x-api-key: {keys['ingest']}' --json '{event}' {url}/events",
        f"  {program} {address} --data-ascii '{{}}' relay",
        "",
        sep="\n",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="The functions under `cargo lambda watch`.")
    parser.add_argument("--port", type=int, default=0, help="0 (default): any free one")
    held = reserve(parser.parse_args().port)
    port = held.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    functions = [penstock.short_name(f) for f in penstock.functions(penstock.load()).values()]
    build(functions)
    deploy(functions, url)
    process = watch(port)
    held.close()
    say("watch: migrating the database, by the function migrate")
    run("migrate.py", "schema")
    say("watch: making API keys")
    keys = {scope: run("migrate.py", "key", f"--scope={scope}", "--name=watch") for scope in SCOPES}
    explain(url, port, keys)
    try:
        sys.exit(process.wait())
    except KeyboardInterrupt:  # the terminal has sent it to both
        process.wait()
        raise


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

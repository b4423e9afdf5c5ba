"""What LocalStack loads: a Lambda execution environment that is a process on this machine.

Chosen by LAMBDA_RUNTIME_EXECUTOR=process. LocalStack makes one executor an environment, calls
`invoke` for one event at a time, and makes more executors where events overlap, as Lambda does.
"""

import gc
import json
import os
import threading
import time
import uuid
from pathlib import Path

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from . import alarms, pollers, stores
from .process import FunctionProcess
from .runtime_api import Call, RuntimeApi

# Lambda allows 10 s. A debug build on a machine busy with compiling gets more.
INIT_SECONDS = 30.0


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """The entry point."""

    name = "process"

    def load(self, *args, **kwargs) -> type[RuntimeExecutor]:
        pollers.hasten()
        alarms.rest()
        stores.settle()
        # LocalStack has a million objects that stay. To look at them after each 700 new ones took a
        # seventh of its time.
        gc.freeze()
        gc.set_threshold(100_000, 20, 100)
        return ProcessExecutor


class ProcessExecutor(RuntimeExecutor):
    """Runs the `bootstrap` of a function's zip, and speaks the Runtime API with it."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id, function_version)
        self._api: RuntimeApi | None = None
        self._process: FunctionProcess | None = None
        self._environment: dict[str, str] = {}
        self._stopping = threading.Lock()

    def start(self, env_vars: dict[str, str]) -> None:
        """Prepares; the process itself starts with the first event."""
        code = self.function_version.config.code
        code.prepare_for_execution()
        self._bootstrap = code.get_unzipped_code_location() / "bootstrap"
        self._api = RuntimeApi()
        self._environment = {
            # Lambda's own search path; nothing of this machine's environment reaches the function.
            "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
            **{name: str(value) for name, value in env_vars.items()},
            "LAMBDA_TASK_ROOT": str(self._bootstrap.parent),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
        }

    def stop(self) -> None:
        with self._stopping:
            if self._process:
                self._process.kill()
            if self._api:
                self._api.close()
                self._api = None

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        started, api = time.time(), self._api
        call = Call(
            request_id=payload.get("invoke-id") or str(uuid.uuid4()),
            function_arn=payload["invoked-function-arn"],
            trace_id=payload["trace-id"],
            payload=payload["payload"].encode(),
            timeout_s=float(self.function_version.config.timeout),
        )
        process = self._warm_process()
        api.offer(call)
        result, is_error = self._outcome(call, api, process)
        api.withdraw()
        milliseconds = (time.time() - started) * 1000
        logs = (
            f"START RequestId: {call.request_id} Version: {self.function_version.id.qualifier}\n"
            f"{process.take_output()}"
            f"END RequestId: {call.request_id}\n"
            f"REPORT RequestId: {call.request_id}\tDuration: {milliseconds:.2f} ms\n"
        )
        return InvocationResult(call.request_id, result, is_error, logs)

    def _warm_process(self) -> FunctionProcess:
        if self._process is None or not self._process.alive():
            name = self.function_version.id.function_name
            log_directory = Path(os.environ.get("PENSTOCK_LOG_DIR", ".local/log"))
            self._process = FunctionProcess(
                self._bootstrap, self._environment, log_directory / f"{name}.log"
            )
            threading.Thread(target=self._announce_end, args=(self._process,), daemon=True).start()
        return self._process

    def _announce_end(self, process: FunctionProcess) -> None:
        """Wakes a waiting `invoke` when the process dies under it."""
        process.wait()
        if api := self._api:
            with api.changed:
                api.changed.notify_all()

    @staticmethod
    def _outcome(call: Call, api: RuntimeApi, process: FunctionProcess) -> tuple[bytes, bool]:
        """Waits for the function's answer, its end, or its time-out, in Lambda's own words."""
        started = time.time()
        with api.changed:
            while call.result is None and api.init_error is None and process.alive():
                end = call.deadline or started + INIT_SECONDS
                if (left := end - time.time()) <= 0:
                    break
                api.changed.wait(left)
            if call.result is not None:
                return call.result, call.is_error
            init_error, timed_out = api.init_error, process.alive()
        if init_error is not None:
            process.kill()
            return init_error, True
        if timed_out:
            process.kill()
            seconds = call.timeout_s if call.deadline else INIT_SECONDS
            return _error(call, "Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")
        process.kill()  # already ended; whatever it left behind goes too
        return _error(call, "Runtime.ExitError", process.how_it_ended())

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return f"http://{self._api.address}" if self._api else ""

    def get_logs(self) -> str:
        return self._process.take_output() if self._process else ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """LocalStack removes the unzipped code by itself."""


def _error(call: Call, kind: str, message: str) -> tuple[bytes, bool]:
    text = f"RequestId: {call.request_id} Error: {message}"
    return json.dumps({"errorType": kind, "errorMessage": text}).encode(), True

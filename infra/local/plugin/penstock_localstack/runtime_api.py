"""The Lambda Runtime API, as one execution environment sees it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: the function asks for the next
event, and posts a response or an error for it. One server an environment, on a free loopback port,
because AWS_LAMBDA_RUNTIME_API holds a host and a port and no path to tell environments apart by.
"""

import dataclasses
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler

PREFIX = "/2018-06-01/runtime/"


@dataclasses.dataclass
class Call:
    """One invocation: what the function is given, and what came of it."""

    request_id: str
    function_arn: str
    trace_id: str
    payload: bytes
    timeout_s: float
    deadline: float | None = None  # time.time() scale; set when the function takes the event
    result: bytes | None = None
    is_error: bool = False


class _Server(socketserver.ThreadingTCPServer):
    # http.server's own class looks up the name of its address, which needs a name server.
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """Says nothing: it is a killed function's connection breaking."""


class RuntimeApi:
    """Hands one call at a time to the function, and waits for its outcome."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.call: Call | None = None
        self.closed = False
        self.init_error: bytes | None = None
        handler = type("Handler", (_Handler,), {"api": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(
            target=self.server.serve_forever, name=f"runtime-api-{self.address}", daemon=True
        ).start()

    def offer(self, call: Call) -> None:
        """Makes `call` the next event."""
        with self.changed:
            self.call = call
            self.changed.notify_all()

    def withdraw(self) -> None:
        """Ends the current call; an answer that comes later finds nobody waiting."""
        with self.changed:
            self.call = None
            self.init_error = None

    def close(self) -> None:
        """Lets go of every waiting request and stops listening."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        # `shutdown` waits for the server's next half-second tick; deleting a stack should not.
        threading.Thread(target=self._shut_down, daemon=True).start()

    def _shut_down(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def next(self, still_there) -> Call | None:
        """Blocks until there is an event nobody took yet. None: closed, or the asker is gone."""
        with self.changed:
            while not self.closed:
                if self.call and self.call.deadline is None:
                    # Between two events only: a killed process's last poll must not take one.
                    if not still_there():
                        return None
                    self.call.deadline = time.time() + self.call.timeout_s
                    self.changed.notify_all()
                    return self.call
                self.changed.wait()
            return None

    def finish(self, request_id: str, body: bytes, is_error: bool) -> bool:
        """Takes the function's answer. False where that request is not being waited for."""
        with self.changed:
            if self.call is None or self.call.request_id != request_id:
                return False
            self.call.result, self.call.is_error = body, is_error
            self.changed.notify_all()
            return True

    def fail_init(self, body: bytes) -> None:
        """Takes the error of a function that could not start."""
        with self.changed:
            self.init_error = body
            self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    api: RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path != PREFIX + "invocation/next":
            return self._reply(404)
        call = self.api.next(self._connected)
        if call is None:
            self.close_connection = True
            return None
        return self._reply(
            200,
            call.payload,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": call.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(call.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": call.function_arn,
                "Lambda-Runtime-Trace-Id": call.trace_id,
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        match self.path.removeprefix(PREFIX).split("/"):
            case ["init", "error"]:
                self.api.fail_init(body)
                return self._reply(202)
            case ["invocation", request_id, ("response" | "error") as outcome]:
                known = self.api.finish(request_id, body, outcome == "error")
                return self._reply(202 if known else 400)
        return self._reply(404)

    def _connected(self) -> bool:
        """Whether the other end still listens: an HTTP client that waits for a reply sends nothing,
        so a readable socket means it hung up."""
        self.connection.setblocking(False)
        try:
            return self.connection.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.connection.setblocking(True)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return body

    def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args) -> None:
        """Says nothing: the function's own log is what one wants to read."""

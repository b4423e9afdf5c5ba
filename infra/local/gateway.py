"""The HTTP API of a stack in LocalStack, whose free edition leaves API Gateway v2 out.

    gateway.py --stack NAME [--port 0]

The first line on stdout is the port. Routes come from infra/template.yaml; each request becomes an
event of payload format 2.0, goes through LocalStack's own `invoke`, and the reply is turned back:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
CORS is answered here too, by the template and the stack's parameters:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
Ends when the process that started it ends.
"""

import argparse
import base64
import json
import os
import re
import socketserver
import sys
import threading
import time
import uuid
from email.message import Message
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, unquote

sys.dont_write_bytecode = True
import boto3
from botocore.config import Config

import template as penstock

MAX_BODY = 10 * 1024 * 1024  # API Gateway's own limit
TEXT = re.compile(r"text/|application/(json|javascript|xml|problem\+json|x-www-form-urlencoded)")


class Route:
    """One route key of the template, such as `GET /runs/{runId}`."""

    def __init__(self, method: str, path: str, function: str) -> None:
        self.method, self.path, self.function = method, path, function
        # {name} takes one segment, {name+} the rest.
        pattern = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(path))
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
        self.pattern = re.compile(pattern)

    @property
    def key(self) -> str:
        return "$default" if self.path == "$default" else f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        found = self.pattern.fullmatch(path) if self.method in (method, "ANY") else None
        return {k: unquote(v) for k, v in found.groupdict().items()} if found else None


class Cors:
    """The stack's `x-amazon-apigateway-cors`; without one, no header of CORS is ever sent."""

    def __init__(self, settings: dict | None) -> None:
        self.settings = settings or {}

    def headers(self, method: str, asked: Message) -> tuple[bool, list[tuple[str, str]]]:
        """Whether a request is a preflight, which no function sees; and what its reply says of CORS."""
        origin = asked.get("Origin")
        if not self.settings or origin is None:
            return False, []
        is_preflight = method == "OPTIONS" and "Access-Control-Request-Method" in asked
        allowed = self.settings["allowOrigins"]
        if "*" not in allowed and origin not in allowed:
            return is_preflight, []
        said = [("access-control-allow-origin", "*" if "*" in allowed else origin)]
        if is_preflight:
            said += [
                ("access-control-allow-methods", ",".join(self.settings["allowMethods"])),
                ("access-control-allow-headers", ",".join(self.settings["allowHeaders"])),
                ("access-control-max-age", str(self.settings["maxAge"])),
            ]
        else:
            said.append(("access-control-expose-headers", ",".join(self.settings["exposeHeaders"])))
        return is_preflight, said


class Gateway(socketserver.ThreadingTCPServer):
    """Listens on loopback and knows the stack's routes."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, stack: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.stack = stack
        described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        given = {p["ParameterKey"]: p["ParameterValue"] for p in described.get("Parameters", [])}
        self.cors = Cors(penstock.cors(penstock.load(), given))
        # Fixed parts first: `/runs/latest` is tried before `/runs/{runId}`, as on AWS.
        self.routes = sorted(
            (Route(*route) for route in penstock.routes(penstock.load())),
            key=lambda route: route.path.count("{"),
        )
        # One try: a client that repeats by itself would hide what the caller should see.
        self.functions = boto3.client(
            "lambda",
            config=Config(
                retries={"total_max_attempts": 1}, read_timeout=900, max_pool_connections=100
            ),
        )


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Gateway
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    cors_headers: list[tuple[str, str]] = []

    def handle_one_request(self) -> None:
        """Any method goes the same way; BaseHTTPRequestHandler would look for `do_<METHOD>`."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            self._serve()

    def _serve(self) -> None:
        self.cors_headers = []
        body = self._body()
        if body is None:
            self.close_connection = True
            return self._reply_json(413, "Request Entity Too Large")
        path, _, query = self.path.partition("?")
        is_preflight, self.cors_headers = self.server.cors.headers(self.command, self.headers)
        if is_preflight:
            return self._reply(204, [], b"")
        for route in self.server.routes:
            if (parameters := route.match(self.command, path)) is not None:
                event = self._event(route, path, query, parameters, body)
                return self._invoke(route, event)
        return self._reply_json(404, "Not Found")

    def _event(self, route: Route, path: str, query: str, parameters: dict, body: bytes) -> dict:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            if (name := name.lower()) != "cookie":
                headers[name] = f"{headers[name]},{value}" if name in headers else value
        headers |= {"x-forwarded-for": self.client_address[0], "x-forwarded-proto": "http"}
        text = self._as_text(body, headers.get("content-type", ""))
        now = time.time()
        event = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": self.server.stack,
                "domainName": headers.get("host", ""),
                "domainPrefix": self.server.stack,
                "http": {
                    "method": self.command,
                    "path": path,
                    "protocol": self.request_version,
                    "sourceIp": self.client_address[0],
                    "userAgent": headers.get("user-agent", ""),
                },
                "requestId": uuid.uuid4().hex,
                "routeKey": route.key,
                "stage": "$default",
                "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
                "timeEpoch": int(now * 1000),
            },
            "isBase64Encoded": body != b"" and text is None,
        }
        # AWS leaves these out where there is nothing to say.
        if cookies := self.headers.get("cookie"):
            event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
        if parameters:
            event["pathParameters"] = parameters
        if query:
            event["queryStringParameters"] = merged(parse_qsl(query, keep_blank_values=True))
        if body:
            event["body"] = base64.b64encode(body).decode() if text is None else text
        return event

    def _invoke(self, route: Route, event: dict) -> None:
        try:
            answer = self.server.functions.invoke(
                FunctionName=f"{self.server.stack}-{route.function}", Payload=json.dumps(event)
            )
            payload = answer["Payload"].read()
            if "FunctionError" in answer:
                raise RuntimeError(payload.decode("utf-8", "replace"))
            reply = json.loads(payload)
        except Exception as error:  # whatever it was, the caller sees what AWS would show
            print(f"{route.key}: {error}", file=sys.stderr, flush=True)
            status = 429 if "TooManyRequests" in str(error) else 500
            return self._reply_json(status, "Internal Server Error")
        if not isinstance(reply, dict) or "statusCode" not in reply:
            # Format 2.0: anything else is the body of a 200.
            json_type = {"content-type": "application/json"}
            reply = {"statusCode": 200, "headers": json_type, "body": json.dumps(reply)}
        body = reply.get("body") or ""
        content = base64.b64decode(body) if reply.get("isBase64Encoded") else body.encode()
        headers = [(k, str(v)) for k, v in (reply.get("headers") or {}).items()]
        for name, values in (reply.get("multiValueHeaders") or {}).items():
            headers += [(name, value) for value in values if (name, value) not in headers]
        headers += [("set-cookie", cookie) for cookie in reply.get("cookies") or []]
        return self._reply(int(reply["statusCode"]), headers, content)

    def _body(self) -> bytes | None:
        """The request's body; None where it is too large."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
                if len(body) > MAX_BODY:
                    return None
            while self.rfile.readline().strip():
                pass
            return body
        length = int(self.headers.get("Content-Length") or 0)
        return None if length > MAX_BODY else self.rfile.read(length)

    @staticmethod
    def _as_text(body: bytes, content_type: str) -> str | None:
        """The body as text where API Gateway hands text on; None where it sends base64."""
        if not TEXT.match(content_type.lower()):
            return None
        try:
            return body.decode()
        except UnicodeDecodeError:
            return None

    def _reply_json(self, status: int, message: str) -> None:
        body = json.dumps({"message": message}).encode()
        self._reply(status, [("content-type", "application/json")], body)

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        if self.cors_headers:  # where CORS is configured, what a function says of it does not count
            headers = [(k, v) for k, v in headers if not k.lower().startswith("access-control-")]
        for name, value in headers + self.cors_headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("date", formatdate(usegmt=True))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args) -> None:
        """Says nothing: the function logs its own requests."""


def merged(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Values of a repeated name joined by a comma, as format 2.0 has it."""
    result: dict[str, str] = {}
    for name, value in pairs:
        result[name] = f"{result[name]},{value}" if name in result else value
    return result


def end_with(parent: int) -> None:
    """Ends this process when `parent` does. Asked for by polling: the kernel's own death signal
    comes already when the thread that started a child ends, as a test's thread does."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description="The HTTP API of a stack in LocalStack.")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--port", type=int, default=0, help="0 (default): any free one")
    wanted = parser.parse_args()
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    with Gateway(wanted.port, wanted.stack) as gateway:
        print(gateway.server_address[1], flush=True)
        try:
            gateway.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()

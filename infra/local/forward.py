"""Runs in LocalStack in place of a function and hands each event on to `cargo lambda watch`.

    forward.py URL NAME

URL is where `cargo lambda watch` listens, NAME the function's binary. watch.py deploys one for each
function, so that queues, rules and `migrate.py` reach the code that is being worked on.
"""

import os
import sys
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def main() -> None:
    url, name = sys.argv[1:]
    function = f"{url}/2015-03-31/functions/{name}/invocations"
    while True:
        with urlopen(f"{RUNTIME}/next") as event:
            request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
            payload = event.read()
        outcome, answer = ask(Request(function, payload))
        urlopen(Request(f"{RUNTIME}/{request_id}/{outcome}", answer)).close()


def ask(request: Request) -> tuple[str, bytes]:
    """Returns the last part of the Runtime API's path for this answer, and the answer."""
    try:
        with urlopen(request) as reply:
            return "response", reply.read()
    except HTTPError as error:  # the function failed, or does not compile
        return "error", error.read()
    except URLError as error:
        return "error", f'{{"errorMessage": "cargo lambda watch: {error.reason}"}}'.encode()


if __name__ == "__main__":
    main()

"""Makes the account of a person, or lets its owner in again, on AWS or (AWS_ENDPOINT_URL set) on LocalStack.

    user.py --stack NAME --email ada@example.com --role admin [--sign-in]

Prints a link that works once. It asks for a password; with --sign-in it signs in at once, within an hour. An account that
is there gets the role that is named, and is enabled. Invokes the stack's accounts function: whoever may do that makes
admins. Wants boto3: .local/venv/bin/python.
"""

import argparse
import sys

import stack_functions

ROLES = ["viewer", "operator", "admin"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stack", required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--role", required=True)
    parser.add_argument("--sign-in", action="store_true")
    wanted = parser.parse_args()
    if not wanted.email or wanted.role not in ROLES:
        sys.exit("user: EMAIL=ada@example.com ROLE=viewer, operator or admin")
    link = "sign_in" if wanted.sign_in else "password"
    base = stack_functions.api_url(wanted.stack)
    command = {"email": wanted.email, "role": wanted.role, "link": link, "baseUrl": base}
    reply = stack_functions.invoke(stack_functions.client(), f"{wanted.stack}-accounts", {"make_user": command})
    if "status" not in reply:
        sys.exit("user: the deployed accounts function makes no accounts: deploy this release first.")
    body = reply["body"]
    if reply["status"] >= 400:
        sys.exit(f"user: {body['detail']}")
    print(f"{body['email']} is {body['role']}. This link works once, until {body['expiresAt']}:", file=sys.stderr)
    print(body["url"])


main()

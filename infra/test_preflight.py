"""The decision of preflight.py: what is missing, and in which words. Run by `cargo test --test policy`."""

import unittest

from preflight import Account, Wanted, logins, missing, needs

WANTED = Wanted(reserved={"fetch": 6, "migrate": 1}, connections={"fetch": 6, "migrate": 2}, max_connections=80, rules=12)


def account(**changed) -> Account:
    room = dict(concurrency=1000, unreserved=1000, rules_allowed=300, rules_of_others=20)
    return Account(**(room | changed))


class Missing(unittest.TestCase):
    def test_an_account_with_room_is_missing_nothing(self):
        self.assertEqual(missing(WANTED, account()), [])
        # Exactly enough: 100 stay unreserved.
        self.assertEqual(missing(WANTED, account(unreserved=107)), [])

    def test_a_new_account_cannot_reserve_and_is_told_the_limit_to_ask_for(self):
        (said,) = missing(WANTED, account(concurrency=10, unreserved=10))
        self.assertIn("reserve 7 environments, and the account has room for 0", said)
        self.assertIn("a limit of at least 107", said)
        (said,) = missing(WANTED, account(concurrency=1000, unreserved=106))
        self.assertIn("room for 6", said)
        self.assertIn("a limit of at least 1001", said)

    def test_what_the_stack_has_reserved_already_is_not_needed_twice(self):
        self.assertEqual(missing(WANTED, account(unreserved=100, reserved_here=7)), [])

    def test_rules_and_connections_have_limits_too(self):
        (said,) = missing(WANTED, account(rules_allowed=30))
        self.assertIn("12 rules, and the default bus has room for 10", said)
        tight = Wanted(WANTED.reserved, WANTED.connections, max_connections=8, rules=12)
        (said,) = missing(tight, account())
        self.assertIn("8 connections, and DatabaseMaxConnections is 8", said)

    def test_messages_without_a_seal_are_waited_for(self):
        (said,) = missing(WANTED, account(unsealed=3))
        self.assertIn("3 spilled requests wait", said)

    def test_what_could_not_be_asked_is_not_missing(self):
        self.assertEqual(missing(WANTED, Account(not_asked=["Lambda's concurrency"])), [])


class Logins(unittest.TestCase):
    def test_only_a_new_stack_that_knows_its_host_gets_own_logins_by_itself(self):
        host = {"DatabaseHost": "db.example"}
        self.assertEqual(logins(None, host, set()), "DatabaseLogins=own")
        self.assertEqual(logins({"StackStatus": "REVIEW_IN_PROGRESS"}, host, set()), "DatabaseLogins=own")
        self.assertIsNone(logins({"StackStatus": "UPDATE_COMPLETE"}, host, set()))
        self.assertIsNone(logins(None, host, {"DatabaseLogins"}))
        self.assertIsNone(logins(None, {"DatabaseHost": ""}, set()))


class Needs(unittest.TestCase):
    def test_a_template_needs_what_its_parameters_say(self):
        def function(name: str, events: dict) -> dict:
            reserved = {"Ref": f"{name}Concurrency"}
            named = {"FunctionName": {"Fn::Sub": "${AWS::StackName}-" + name}}
            return {"Type": "AWS::Serverless::Function", "Properties": named | {"ReservedConcurrentExecutions": reserved, "Events": events}}

        events = {"A": {"Type": "Schedule"}, "B": {"Type": "SQS"}, "C": {"Type": "Schedule"}}
        template = {"Resources": {"F": function("fetch", events), "M": function("migrate", {}), "Q": {"Type": "AWS::SQS::Queue"}}}
        parameters = {"fetchConcurrency": "6", "migrateConcurrency": "1", "DatabaseMaxConnections": "80"}
        self.assertEqual(needs(template, parameters), Wanted({"fetch": 6, "migrate": 1}, {"fetch": 6, "migrate": 2}, 80, 2))


if __name__ == "__main__":
    unittest.main()

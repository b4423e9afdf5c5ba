"""Alarms that are kept and not evaluated.

LocalStack evaluates each alarm by a request to its own HTTP gateway, at once and then each period. A
stack has some fifty, the tests deploy some twenty stacks, and no test asks for the state of one.
"""

from localstack.services.cloudwatch.alarm_scheduler import AlarmScheduler


def rest() -> None:
    """Has no alarm that is made from now on evaluated."""
    AlarmScheduler.schedule_metric_alarm = lambda scheduler, alarm_arn: None

"""Event source mappings that cost next to nothing while their queues are empty, and do not rest.

LocalStack's poller asks its own HTTP gateway for messages. An empty queue answers after the
mapping's batching window, a second here, and then the poller asks again: with nine queues a stack,
20 test stacks took most of the one core that LocalStack has. So a poller waits at the queue itself,
in this process, and asks once there is a message.

After the first empty receive the poller also rests for 0.5 to 1.5 s whatever its setting for the
longest rest says, because that caps only the later ones. It has waited at the queue already.
"""

import functools

from localstack.services.lambda_.event_source_mapping import esm_worker
from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller
from localstack.services.lambda_.event_source_mapping.pollers.poller import (
    EmptyPollResultsException,
)
from localstack.services.sqs.models import StandardQueue, sqs_stores
from localstack.utils.aws.arns import parse_arn

REST_SECONDS = 0.05

# A mapping that is deleted ends after this at the latest.
WAIT_SECONDS = 1.0


def hasten() -> None:
    """Has every poller that is made from now on wait at its queue, and rest shortly."""
    original_backoff, original_poll = esm_worker.ExponentialBackoff, SqsPoller.poll_events

    @functools.wraps(original_backoff)
    def backoff(initial_interval: float, max_interval: float):
        rest = min(initial_interval, REST_SECONDS)
        return original_backoff(initial_interval=rest, max_interval=max_interval)

    @functools.wraps(original_poll)
    def poll_events(poller: SqsPoller) -> None:
        if not _comes(poller.source_arn):
            raise EmptyPollResultsException(service="sqs", source_arn=poller.source_arn)
        original_poll(poller)

    esm_worker.ExponentialBackoff, SqsPoller.poll_events = backoff, poll_events


def _comes(source_arn: str) -> bool:
    """Waits for a message. Returns whether it is worth asking: also for a queue that is not of the
    standard kind or does not exist, of which the poller knows more."""
    arn = parse_arn(source_arn)
    queue = sqs_stores[arn["account"]][arn["region"]].queues.get(arn["resource"])
    if not isinstance(queue, StandardQueue):
        return True
    visible = queue.visible
    with visible.not_empty:
        if not visible.queue:
            visible.not_empty.wait(WAIT_SECONDS)
        return bool(visible.queue)

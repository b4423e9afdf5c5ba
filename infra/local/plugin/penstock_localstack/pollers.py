"""Quicker event source mappings.

After the first empty receive LocalStack's poller rests for 0.5 to 1.5 s whatever its setting for the
longest rest says, because that caps only the later ones. A receive waits in the queue for the
mapping's batching window anyway, so resting between two gains nothing and makes tests slow.
"""

import functools

from localstack.services.lambda_.event_source_mapping import esm_worker

REST_SECONDS = 0.05


def hasten() -> None:
    """Has every poller that is made from now on rest shortly when its queue was empty."""
    original = esm_worker.ExponentialBackoff

    @functools.wraps(original)
    def backoff(initial_interval: float, max_interval: float):
        return original(initial_interval=min(initial_interval, REST_SECONDS), max_interval=max_interval)

    esm_worker.ExponentialBackoff = backoff

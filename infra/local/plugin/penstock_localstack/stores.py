"""The functions of an account, which LocalStack reads by one thread while another deploys a stack.

Each call counts what all functions use, in a loop over the dictionary of them: a function that another
stack made or deleted meanwhile ended the call with "dictionary changed size during iteration".
"""

from localstack.services.lambda_.invocation.models import LambdaStore


class Functions(dict):
    """The functions by their names. A loop over them sees those of the moment at which it began."""

    def __iter__(self):
        return iter(list(super().keys()))

    def values(self):
        return list(super().values())

    def items(self):
        return list(super().items())


def settle() -> None:
    """Has each store that is made from now on keep its functions so."""
    vars(LambdaStore)["functions"].default = Functions

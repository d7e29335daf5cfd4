"""The two failures we expect. Anything else is a bug."""


class Refused(Exception):
    """The bot will not do it: why, and what to type instead. The person's turn."""

    def __init__(self, why: str, *, instead: str = "") -> None:
        super().__init__(why)
        self.why, self.instead = why, instead


class InDrill(Refused):
    """Right in an incident, and not done because this one is a drill: nothing that people have to practise."""


class ProviderError(Exception):
    """Slack, the cluster or Prometheus did not do its part. The world's turn.

    `permanent`: asking again will not help. `unknown`: it may have happened all the same.
    """

    def __init__(self, provider: str, message: str, *, permanent: bool = False, unknown: bool = False) -> None:
        super().__init__(f"{provider}: {message}")
        self.provider, self.message, self.permanent, self.unknown = provider, message, permanent, unknown


class Away(ProviderError):
    """Nobody answered at all. It says nothing about what was asked, so it is waited for."""


class Gone(ProviderError):
    """What was to be changed is no longer there: a person took it away."""

    def __init__(self, provider: str, message: str) -> None:
        super().__init__(provider, message, permanent=True)


class Moved(ProviderError):
    """The target is no longer where the request was reviewed, so it was not acted on.

    `unknown`: a part of the request had been sent before.
    """

    def __init__(self, provider: str, message: str, *, unknown: bool = False) -> None:
        super().__init__(provider, message, permanent=True, unknown=unknown)


class NotYet(Exception):
    """Nothing is wrong: a rate limit says to ask again in `seconds`. Not counted as an attempt."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(f"in {seconds:.1f} s: {why}")
        self.seconds, self.why = seconds, why

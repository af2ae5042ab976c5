"""The scale point: the CPU that a pod uses when its HPA, which aims at a share of the requests, adds another. Pure.

Who changes the requests moves it, unless the share is changed with them. The order of the two is such that between
them the HPA errs towards more pods, never towards fewer: larger requests come after the lower share, and a higher
share comes after the smaller requests, once the pods that still have the larger ones are gone.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScalePoint:
    """An HPA's CPU target in percent of requests of so many millicores, those of all containers of a pod together."""

    percent: int
    requests: int

    @property
    def millicores(self) -> int:
        """At how much CPU a pod it stands; rounded down, so that it is never told too high."""
        return self.percent * self.requests // 100

    @staticmethod
    def percent_of(millicores: int, requests: int) -> int:
        """The percentage of `requests` that stands at so much CPU: the very one that came to it where there is one,
        else rounded down, so that it is never later."""
        up = -(-100 * millicores // requests)
        return up if ScalePoint(up, requests).millicores == millicores else 100 * millicores // requests

    def kept(self, requests: int) -> int:
        """The percentage of other requests that keeps it: rounded down, for then the HPA scales too early rather
        than too late. 0: none of at least 1 % does."""
        return self.percent * self.requests // requests

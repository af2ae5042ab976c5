"""How often the real parts beside a control plane look: each look costs CPU for every pod that there is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds between two samples of metrics.k8s.io, two syncs of the HPA controller, two scrapes of Prometheus, and
    two looks of the exporter at who runs."""

    feed_s: int = 1
    sync_s: int = 1
    scrape_s: int = 1
    look_s: float = 0.25


QUICK = Pace()
"""For tests that wait for the next sample."""
MANY_PODS = Pace(feed_s=5, sync_s=5, scrape_s=5, look_s=1)
"""For minutes with a hundred pods."""

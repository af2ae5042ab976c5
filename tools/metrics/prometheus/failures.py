"""What a failed answer means and a hint: Prometheus' own error types first, then what only HTTP says.

The types are those of web/api/v1/api.go; https://prometheus.io/docs/prometheus/latest/querying/api.
"""

from typing import Any
from urllib.parse import urlsplit

from tools.errors import MetricsUnavailable

_SHOWN = 300
_HINTS = {
    "bad_data": "correct the template of this metric (setting `metrics`), or set `metrics` if none is set",
    "execution": "correct the template of this metric: it is PromQL, but it cannot be carried out on these series",
    "timeout": "the query took too long there: ask for less, make the template lighter, or record it by a rule",
    "canceled": "the query was cancelled there, as when Prometheus stops: try again in a moment",
    "unavailable": "Prometheus is not ready, as after a start: try again in a moment",
    "internal": "Prometheus itself failed: see its log",
    "not_found": "check the path in prometheus_url",
}
_STRANGER = "see that prometheus_url is the address of a Prometheus, and its path the one before /api/v1"
_HTTP = {
    401: "set prometheus_token or prometheus_token_file, or a certificate; what is set is not accepted",
    403: "the credentials are known but may not query: ask for the right to read metrics there",
    404: _STRANGER,
    405: "it takes no POST: use the address of Prometheus itself, of Thanos' querier or Mimir's front end",
    413: "ask for fewer points",
    429: "it is busy: try again in a moment, or raise its limits for this tenant",
}
_TRY_AGAIN = (
    "what stands before Prometheus answered for it: check that Prometheus is up, try again in a moment"
)


def failed(
    http: int, location: str, document: dict[str, Any] | None, body: bytes, where: str
) -> MetricsUnavailable:
    """What an answer that is not a success says."""
    kind = (document or {}).get("errorType")
    if isinstance(kind, str) and kind:
        said = shown(str((document or {}).get("error", "")))
        hint = _HINTS.get(kind) or _HTTP.get(http, _TRY_AGAIN)
        return MetricsUnavailable(
            f"{shown(kind)}: {said}", where=where, hint=hint, code=shown(kind), http=http, quotes=True
        )
    if 300 <= http < 400:
        return _redirected(http, location, where)
    if http == 200:
        return strange(f"HTTP 200, but no answer of Prometheus: {plain(body)}", where)
    hint = _HTTP.get(http) or (_TRY_AGAIN if http >= 500 else _STRANGER)
    return MetricsUnavailable(
        f"HTTP {http} {plain(body)}".strip(),
        where=where,
        hint=hint,
        code=f"HTTP{http}",
        http=http,
        quotes=True,
    )


def strange(what: str, where: str) -> MetricsUnavailable:
    """An answer that Prometheus would not give."""
    return MetricsUnavailable(what, where=where, hint=_STRANGER, code="Unreadable", quotes=True)


def _redirected(http: int, location: str, where: str) -> MetricsUnavailable:
    """Names the other host only: the rest of a Location may hold a session token."""
    try:
        host = urlsplit(location).hostname or ""
    except ValueError:
        host = ""
    to = f" to `{shown(host)}`" if host else ""
    hint = "redirects are not followed: set prometheus_url to the address of Prometheus itself"
    return MetricsUnavailable(
        f"HTTP {http}: a redirect{to}", where=where, hint=hint, code="Redirect", http=http, quotes=True
    )


def plain(body: bytes) -> str:
    """The start of a body that is not for us, on one line."""
    return shown(body[:_SHOWN].decode("utf-8", "replace"))


def shown(text: str) -> str:
    """Untrusted text, cut, on one line, with nothing in it that paints on a terminal."""
    line = " ".join(text[:_SHOWN].split())
    return "".join(c if c.isprintable() else "?" for c in line)

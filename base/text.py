"""Untrusted text, cleaned for a model, a terminal and the log: no control characters and no secrets.

Secrets are recognised by their form (RFC 6750 bearer, RFC 7519 JWT, RFC 7468 PEM, RFC 3986 userinfo,
RFC 6265 cookies, the providers' documented prefixes) or by the name or the option before them. What only might be
one goes too.
"""

import re
import unicodedata

REDACTED = "[redacted]"
_MARGIN = 1024
"""So much of a text is looked at beyond what is shown: a secret across the cut must still look like one."""

_NAMED = (
    r"passw(?:or)?d|pwd|passphrase|passcode|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|auth"
    r"|(?<!by)(?<!com)pass(?![a-z])|session(?:[-_]?id)?(?![a-z])"
)
# Possessive and bounded, so that no text is gone through again and again. A quote that is not closed goes on to
# the end.
_QUOTED = r"""\\{1,3}+["'][^"']*+["']?|"(?:[^"\\]|\\.)*+"?|'[^']*+'?"""
_WHOLE = re.compile(
    r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,32}-----|\Z)"
    r"|\beyJ[\w-]{4,}+\.[\w-]{4,}+(?:\.[\w-]*+)?"
    r"|\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{12,}+"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk-|npm_|hvs\.|AIza|ya29\.)[\w.-]{8,}+",
    re.DOTALL,
)
_USERINFO = re.compile(r"(?<=://)(?:[^\s/@:]{0,256}+:[^\s@]{1,512}+|[^\s/@]{1,512}+)@")
_SCHEME = re.compile(r"\b(bearer|basic)\s++[\w.~+/=-]{6,}+", re.IGNORECASE)
_PAIR = re.compile(
    rf"""((?:{_NAMED})[\w.-]{{0,64}}+\\{{0,3}}+["']?\s{{0,8}}+[:=]\s{{0,8}}+)(?:{_QUOTED}|[^\s"',;&]{{3,}}+)""",
    re.IGNORECASE | re.DOTALL,
)
_OPTION = re.compile(
    rf"""((?<![\w-])--?[\w.-]{{0,64}}?(?:{_NAMED})[\w.-]{{0,64}}+["',]{{0,2}}+\s{{1,8}}+)(?:{_QUOTED}|[^\s"'-][^\s"']*+)""",
    re.IGNORECASE | re.DOTALL,
)
_USER = re.compile(r"""((?<![\w-])(?:-u|--user|--proxy-user)[\s=]{1,4}+[^\s:"']{0,128}+:)[^\s"']++""")
_COOKIE = re.compile(
    r"""(cookie\d?["']?\s{0,8}+[:=]\s{0,8}+["']?)(?:[^\s;"']++(?:;\s{0,4}+)?+)++""", re.IGNORECASE
)
_AUTHORIZATION = re.compile(
    r"""(authorization["']?\s{0,8}+[:=]\s{0,8}+["']?)[^\s"',;&]++(?:\s{1,8}+[^\s"',;&]{3,}+)?+""",
    re.IGNORECASE,
)
_BLOB = re.compile(r"[A-Za-z0-9+/_-]{24,}+={0,2}")
_HEX = re.compile(r"(?<![A-Za-z0-9:])[0-9a-fA-F]{32,}+(?![A-Za-z0-9])")


def harmless(text: str, most: int) -> str:
    """At most `most` characters, on one line. Format characters (bidi, zero width) are taken out first, so that
    none hides a secret; other control characters become `?`."""
    shown = "".join(_plain(c) for c in text[: most + _MARGIN].encode("utf-8", "replace").decode())
    clean = " ".join(redacted(shown).split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def storable(text: str, most: int) -> str:
    """Any text of a command line as a record holds it: at most `most` characters, and what is not Unicode (the bytes
    of an argument that is no UTF-8) as escapes."""
    shown = text[:most].encode("utf-8", "backslashreplace").decode()
    return shown if len(text) <= most and len(shown) <= most else shown[: most - 1] + "…"


def redacted(text: str) -> str:
    """The text with `[redacted]` in place of what looks like a secret."""
    text = _WHOLE.sub(REDACTED, text)
    text = _USERINFO.sub(f"{REDACTED}@", text)
    text = _SCHEME.sub(rf"\1 {REDACTED}", text)
    for named in (_COOKIE, _AUTHORIZATION, _PAIR, _OPTION, _USER):
        text = named.sub(rf"\1{REDACTED}", text)
    text = _HEX.sub(REDACTED, text)
    return _BLOB.sub(lambda found: REDACTED if _mixed(found[0]) else found[0], text)


def _plain(c: str) -> str:
    if c in "\t\n\r ":
        return " "
    if unicodedata.category(c) == "Cf":
        return ""
    return c if c.isprintable() else "?"


def _mixed(blob: str) -> bool:
    """Base64 of random bytes has all three kinds of characters; names of objects and words do not."""
    return (
        any(c.isupper() for c in blob) and any(c.islower() for c in blob) and any(c.isdigit() for c in blob)
    )

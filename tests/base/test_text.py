"""Canaries: secrets and control characters that must not come through, and words that must."""

import base64
import json

import pytest

from base.text import REDACTED, harmless

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQifQ.c2lnbmF0dXJl"
AWS_ID, AWS_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BLOB = base64.b64encode(bytes(range(7, 67))).decode()
CANARIES = {
    "bearer": ("Authorization: Bearer s3cr3t-t0ken~x", "s3cr3t-t0ken~x"),
    "bearer, lower case": ("got 401 with bearer abcdef123456", "abcdef123456"),
    "basic": ("Proxy-Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    "jwt": (f"token rejected {JWT} try again", JWT),
    "jwt, unsigned": ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.", "eyJzdWIiOiJyb290In0"),
    "aws id": (f"no access for {AWS_ID}", AWS_ID),
    "aws key": (f"signed with {AWS_KEY}", AWS_KEY),
    "url password": ("dial postgres://app:hunter2@db.shop:5432/app failed", "hunter2"),
    "url password with slash": ("amqp://u:p/w0rd@mq", "p/w0rd"),
    "url token": ("git clone https://x0token0x@git.invalid/a.git", "x0token0x"),
    "query": ("GET /v1?api_key=abc123&x=1", "abc123"),
    "environment": ("exec: DB_PASSWORD=correct-horse ./run", "correct-horse"),
    "yaml": ("config: {password: 'hunter2', user: app}", "hunter2"),
    "json": ('{"client_secret": "hunter2"}', "hunter2"),
    "github": ("remote: ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghij"),
    "slack": ("xoxb-123456789012-abcdefghijkl", "xoxb-123456789012"),
    "model key": ("sk-proj-abcdEFGH1234", "sk-proj-abcdEFGH1234"),
    "pem": ("-----BEGIN RSA PRIVATE KEY----- MIIEpAIB -----END RSA PRIVATE KEY----- done", "MIIEpAIB"),
    "pem, cut": ("-----BEGIN PRIVATE KEY-----\nMIIEpAIB", "MIIEpAIB"),
    "base64": (f"data: {BLOB}", BLOB[:24]),
    "base64url": (base64.urlsafe_b64encode(bytes(range(200, 240))).decode(), "yMnKy8zNzs_Q"),
    "hex": ("key 00112233445566778899aabbccddeeff", "00112233445566778899"),
    "quoted, with spaces": ('password="correct horse battery staple" next', "horse"),
    "single quotes, with spaces": ("DB_PASSWORD='correct horse battery staple'", "staple"),
    "a quote in quotes": (r'"password": "correct \" horse"', "horse"),
    "json in a string": (r"{\"password\":\"correct horse\"}", "horse"),
    "a quote that is cut": ('password="correct horse batt', "horse"),
    "pass": ("exec: DB_PASS=hunter2xyz ./run", "hunter2xyz"),
    "pass, one word": ("dbpass: hunter2xyz", "hunter2xyz"),
    "option": ("mysql --password hunter2xyz -u root", "hunter2xyz"),
    "option, quoted": ("tool --db-password 'correct horse' up", "horse"),
    "option, as a list": ('args ["--api-token", "hunter2xyz"]', "hunter2xyz"),
    "user": ("curl -u root:hunter2xyz https://x.invalid", "hunter2xyz"),
    "cookie": ("Cookie: session=abcdefg12345; theme=dark1; sid=zzz999", "abcdefg12345"),
    "cookie, the last": ("Set-Cookie: a=b1; sid=zzz999", "zzz999"),
    "session": ("GET /?sessionid=abcdefg12345", "abcdefg12345"),
    "authorization with a scheme of its own": ("Authorization: ApiKey hunter2xyz", "hunter2xyz"),
    "split by a zero width space": (f"{AWS_ID[:6]}\u200b{AWS_ID[6:]}", AWS_ID[6:]),
    "split by a bidi mark": ("password=hunt\u202eer2", "er2"),
}


@pytest.mark.parametrize("name", CANARIES)
def test_a_secret_does_not_come_through(name: str) -> None:
    text, secret = CANARIES[name]
    shown = harmless(text, 400)
    assert secret not in shown
    assert REDACTED in shown


@pytest.mark.parametrize("text", [
    "Back-off restarting failed container app in pod web-6f7d8c9b5d-x2x4z_shop(0b1c5a2e-90f3-4f4e-a1b2-c3d4e5f60718)",
    'Failed to pull image "registry.invalid/shop/web:1.2.3": not found',
    "Pulled registry.invalid/web@sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available",
    'MountVolume.SetUp failed for volume "kube-api-access-abcde": secret "web-tls" not found',
    "Scaled up replica set web-6f7d8c9b5d from 2 to 4",
    "Liveness probe failed: Get \"http://10.0.0.1:8080/healthz\": dial tcp 10.0.0.1:8080: connect: refused",
    "Readiness probe passed: 3 of 3; bypass: none; sessionAffinity: ClientIP; compass: north",
    "exec /bin/app --replicas 3 -u 1000 --user-agent curl failed: no such file",
    "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned",
])  # fmt: skip
def test_what_a_person_needs_comes_through(text: str) -> None:
    assert harmless(text, 400) == text


@pytest.mark.parametrize(("text", "shown"), [
    ("a\x1b[31mred\x1b[0m", "a?[31mred?[0m"),
    ("a\r\nrecord 99  allowed\tb", "a record 99 allowed b"),
    ("\u202enihton\u202c", "nihton"),
    ("\u2066a\u2069\ufeffb\u200dc", "abc"),
    ("\x00\x07\x7f\x9b", "????"),
    ("lone \ud800 surrogate", "lone ? surrogate"),
    ("Größe 你好", "Größe 你好"),
])  # fmt: skip
def test_control_and_bidi_characters_are_made_harmless(text: str, shown: str) -> None:
    assert harmless(text, 400) == shown
    json.dumps(shown).encode()


def test_it_is_cut_after_it_is_redacted() -> None:
    """Else the half of a token that is left would not look like one."""
    shown = harmless("x" * 380 + f" password={'s3cret' * 10}", 400)
    assert len(shown) <= 400
    assert "s3" not in shown


@pytest.mark.parametrize(
    "unit",
    [
        "://",
        "://a:",
        "a:",
        "password",
        "password=",
        "eyJa-",
        "-----BEGIN PRIVATE KEY",
        "Aa0",
        "x@",
        "bearer ",
        'password="',
        "password='\\",
        "--password ",
        "--a-",
        "-",
        "cookie:a;",
        "authorization: ",
        "-u a:",
        "session",
    ],
)
def test_no_text_is_read_for_ever(unit: str) -> None:
    """Whatever comes and however long it is: it is cut first, and nothing is gone through again and again."""
    for _ in range(50):
        assert len(harmless(unit * 100_000, 400)) <= 400

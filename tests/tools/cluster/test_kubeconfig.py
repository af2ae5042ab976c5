"""kubeconfig files and credentials (threat 29): what is read, and what each mistake says."""

import asyncio
import gc
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tools.cluster.fake_server import kubeconfig
from tools.cluster import kubeconfig as kube
from tools.cluster.client import from_kubeconfig
from tools.cluster.connect import connect
from tools.cluster.kubeconfig import KubeconfigInvalid
from tools.errors import ClusterUnavailable

SERVER = "https://127.0.0.1:1"
CREDENTIAL = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": %s}'


@dataclass
class Hands:
    """A clock that is set by hand."""

    now_ms: int = 1_700_000_000_000

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_us(self) -> int:
        return self.now_ms * 1000

    def world_ms(self) -> int | None:
        return None

    async def sleep(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


def _cluster(paths: tuple[Path, ...], context: str | None) -> kube.Section:
    config = kube.read(paths)
    return config.part(config.context(context), "clusters")


def mistake(*paths: Path, context: str | None = None) -> KubeconfigInvalid:
    with pytest.raises(KubeconfigInvalid) as error:
        _cluster(paths, context)
    assert isinstance(error.value, ClusterUnavailable)
    return error.value


def plugin(folder: Path, script: str) -> Path:
    """A kubeconfig beside its exec plugin, which it names by a relative path."""
    (folder / "plugin").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "plugin").chmod(0o700)
    block = "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, installHint: get it}"
    return kubeconfig(folder, SERVER, block)


def header(config: Path, clock: Hands | None = None) -> str | None:
    async def run() -> str | None:
        login = await from_kubeconfig(kube.read([config]), "here", clock or Hands())
        return await login.authorization()

    return asyncio.run(run())


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    error = mistake(tmp_path / "nothing")
    assert str(tmp_path / "nothing") in error.where
    assert "--kubeconfig" in error.hint


def test_broken_yaml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("apiVersion: v1\nclusters: [\n  {name: c\nusers: []\n")
    assert mistake(path).where.startswith(f"{path}:")


@pytest.mark.parametrize(
    "text", ["", "- 1", "text", "clusters: {a: b}", "users: [{}]", "contexts: [{name: c, context: 1}]"]
)
def test_a_file_of_another_shape_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert mistake(path).where


def test_an_empty_file_in_the_list_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "touched").write_text("")
    config = kube.read([tmp_path / "touched", kubeconfig(tmp_path, SERVER)])
    assert config.contexts == ("here",)


@pytest.mark.parametrize("section", ["clusters", "users", "contexts"])
def test_a_name_that_comes_twice_in_a_file_is_refused(section: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f"{section}: [{{name: twin}}, {{name: twin}}]")
    error = mistake(path)
    assert (error.what, error.where) == (f"{section} has `twin` twice", str(path))


def test_an_entry_without_settings_is_empty(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, SERVER)
    path.write_text(path.read_text().replace("user: {token: t-1}", "user:"))
    assert header(path) is None


@pytest.mark.parametrize(
    "server",
    ["", "127.0.0.1:6443", "ftp://a", "https://", "https://a:port", "https://a?b", "https://joe:pw@a"],
)
def test_a_server_that_is_no_address_names_file_and_cluster(server: str, tmp_path: Path) -> None:
    with pytest.raises(KubeconfigInvalid) as error:
        header(kubeconfig(tmp_path, server))
    assert error.value.where == f"{tmp_path / 'config'} (cluster c)"
    assert "pw" not in error.value.what + error.value.hint


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot read" in mistake(path).what


def test_an_unknown_context_lists_the_known(tmp_path: Path) -> None:
    error = mistake(kubeconfig(tmp_path, SERVER), context="prod")
    assert "`prod`" in error.what
    assert error.hint == "it has: here"


def test_no_current_context(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, SERVER)
    path.write_text(path.read_text().replace("current-context: here", ""))
    assert "current-context" in mistake(path).what


def test_a_context_of_a_missing_cluster(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, SERVER)
    path.write_text(path.read_text().replace("cluster: c,", "cluster: gone,"))
    assert "`gone`" in mistake(path).what


def test_several_files_merge_and_the_first_wins(tmp_path: Path) -> None:
    for name, server in (("a", "http://a"), ("b", "http://b")):
        (tmp_path / name).mkdir()
        kubeconfig(tmp_path / name, server)
    other = (
        (tmp_path / "b" / "config").read_text().replace("here", "there").replace("cluster: c", "cluster: d")
    )
    (tmp_path / "b" / "config").write_text(other.replace("name: c", "name: d"))
    environ = {
        "KUBECONFIG": os.pathsep.join(str(tmp_path / name / "config") for name in ("missing", "a", "b"))
    }
    merged = kube.read(kube.locations(environ))
    assert merged.contexts == ("here", "there")
    assert merged.current == "here"
    assert merged.part("there", "clusters")["server"] == "http://b"
    assert merged.part("here", "clusters")["server"] == "http://a"


def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t-9\n")
    assert header(kubeconfig(tmp_path, SERVER, "tokenFile: token")) == "Bearer t-9"


def test_a_token_file_comes_before_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t-file\n")
    assert header(kubeconfig(tmp_path, SERVER, "token: t-inline, tokenFile: token")) == "Bearer t-file"


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_token_file_without_a_token_is_no_anonymous_login(text: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(KubeconfigInvalid, match="token file is empty"):
        header(kubeconfig(tmp_path, SERVER, "tokenFile: token"))


def test_a_token_that_cannot_be_sent_is_the_kubeconfigs_mistake(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigInvalid) as error:
        header(kubeconfig(tmp_path, SERVER, 'token: "sec\\nret"'))
    assert "secret" not in error.value.what.replace("\n", "")


def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t-1")
    clock = Hands()

    async def run() -> list[str | None]:
        config = kube.read([kubeconfig(tmp_path, SERVER, "tokenFile: token")])
        login, found = await from_kubeconfig(config, "here", clock), []
        for pause in (0, 30, 31):
            clock.now_ms += pause * 1000
            found.append(await login.authorization())
            (tmp_path / "token").write_text("t-2")
        return found

    assert asyncio.run(run()) == ["Bearer t-1", "Bearer t-1", "Bearer t-2"]


def test_a_context_without_a_user_is_anonymous(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, SERVER)
    path.write_text(path.read_text().replace(", user: u}", "}"))
    assert header(path) is None


def test_an_exec_plugin_gives_the_token(tmp_path: Path) -> None:
    answer = CREDENTIAL % '{"token": "p-1"}'
    assert header(plugin(tmp_path, f"echo '{answer}'")) == "Bearer p-1"


def test_an_exec_plugin_is_run_again_when_its_token_runs_out(tmp_path: Path) -> None:
    answer = CREDENTIAL % '{"token": "\'$n\'", "expirationTimestamp": "2023-11-14T22:14:20Z"}'
    script = f"echo x >> {tmp_path}/runs; n=p-$(wc -l < {tmp_path}/runs | tr -d ' '); echo '{answer}'"
    config, clock = kube.read([plugin(tmp_path, script)]), Hands()

    async def run() -> list[str | None]:
        login = await from_kubeconfig(config, "here", clock)
        first = [await login.authorization(), await login.authorization()]
        clock.now_ms += 40_000  # the token ends 60 s after the clock's start
        return [*first, await login.authorization()]

    assert asyncio.run(run()) == ["Bearer p-1", "Bearer p-1", "Bearer p-2"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'no session, sign in' >&2; exit 3", "no session"),
        ("echo nonsense", "decode"),
        ("echo '{}'", "missing key"),
        ("echo '" + CREDENTIAL % "{}" + "'", "neither a token nor a certificate"),
    ],
)
def test_a_failing_exec_plugin_is_an_error_not_an_anonymous_login(
    script: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(KubeconfigInvalid) as error:
        header(plugin(tmp_path, script))
    assert said in error.value.what
    assert error.value.hint == "get it"


def test_an_exec_plugin_that_is_not_installed(tmp_path: Path) -> None:
    block = "exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin}"
    with pytest.raises(KubeconfigInvalid) as error:
        header(kubeconfig(tmp_path, SERVER, block))
    assert "no-such-plugin" in error.value.what + error.value.hint


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ("client-certificate: gone.crt, client-key: gone.key", ""),
        ("client-certificate-data: '%%%', client-key-data: '%%%'", ""),
        ("token: t", ", certificate-authority: gone.crt"),
        ("token: t", ", certificate-authority-data: bm90IHBlbQ=="),
    ],
)
def test_certificates_that_cannot_be_used(user: str, cluster: str, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, "https://127.0.0.1:1", user, cluster)
    with pytest.raises(KubeconfigInvalid) as error:
        asyncio.run(connect(None, config, clock=Hands()))
    assert str(config) in error.value.where


@pytest.mark.parametrize(
    "name",
    [
        "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
        "gke_my-project_europe-west1-b_prod",
        "kubernetes-admin@kubernetes",
        "shop/api-example:6443/kube:admin",
    ],
)
def test_a_context_may_be_named_as_clouds_name_theirs(name: str, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, SERVER)
    path.write_text(path.read_text().replace("here", name))

    async def run() -> str:
        cluster = await connect(None, path, clock=Hands())
        await cluster.close()
        return cluster.name

    assert asyncio.run(run()) == name


def test_a_context_name_that_cannot_name_a_cluster(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused before a connection is opened: none is left behind unclosed."""
    path = kubeconfig(tmp_path, SERVER)
    path.write_text(path.read_text().replace("here", "my prod!"))
    with pytest.raises(KubeconfigInvalid) as error:
        asyncio.run(connect(None, path, clock=Hands()))
    assert error.value.hint == "kubectl config rename-context 'my prod!' my-prod"
    gc.collect()
    assert "Unclosed" not in caplog.text


def test_in_cluster_outside_a_pod(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigInvalid) as error:
        asyncio.run(connect("in-cluster", None, clock=Hands(), environ={}))
    assert error.value.where == "in-cluster"


def test_the_official_client_is_imported_at_the_first_connection_only() -> None:
    code = (
        "import sys, tools.cluster.connect, tools.cluster.cluster_pins, tools.cluster.objects\n"
        "assert not {'kubernetes', 'aiohttp'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

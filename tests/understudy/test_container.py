"""Entry points of the stand-ins' images: what has to be so before a product comes up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.stand_ins import installed
from understudy.container.installation import INSTALLATIONS, CannotStartError
from understudy.container.java import Call
from understudy.container.keytool import KeytoolError, import_certificate

CONNECTOR = '<Server><Service><Connector port="{port}" {more}/><Context path="{path}"/></Service></Server>'
STRONG = "Aa1.bcdefgh"
PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


def disk_of(name: str, root: Path) -> dict[str, str]:
    """Unpack what an image has, and give it a home; returns the variables that say where."""
    for entry in installed(name, user=2001):
        target = root / entry.path
        if entry.content is None:
            target.mkdir(parents=True, exist_ok=True)
        else:
            assert isinstance(entry.content, bytes)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(entry.content)
    installation = INSTALLATIONS[name]
    variables = {}
    for variable, usual in (installation.program, installation.home):
        variables[variable] = str(root / usual.lstrip("/"))
        Path(variables[variable]).mkdir(parents=True, exist_ok=True)
    return variables


def test_tomcat_is_told_by_its_file_and_no_longer_by_variables(tmp_path: Path) -> None:
    variables = disk_of("jira", tmp_path) | {"ATL_TOMCAT_PORT": "1", "ATL_PROXY_NAME": "jira.acme.example"}
    found = INSTALLATIONS["jira"].checked(variables)
    # Nobody has mounted another one: it is that of the image, which knows no proxy.
    assert (found["ATL_TOMCAT_PORT"], found["ATL_PROXY_NAME"], found["ATL_PROXY_PORT"]) == ("8080", "", "0")
    server = Path(variables["JIRA_INSTALL_DIR"]) / "conf/server.xml"
    more = 'scheme="https" secure="true" proxyName="jira.acme.example" proxyPort="443"'
    server.write_text(CONNECTOR.format(port=8080, more=more, path="/jira"), encoding="utf-8")
    found = INSTALLATIONS["jira"].checked(variables)
    assert (found["ATL_PROXY_NAME"], found["ATL_PROXY_PORT"]) == ("jira.acme.example", "443")
    assert (found["ATL_TOMCAT_SECURE"], found["ATL_TOMCAT_CONTEXTPATH"]) == ("true", "/jira")


def test_confluence_finds_its_home_by_a_file(tmp_path: Path) -> None:
    variables = disk_of("confluence", tmp_path)
    with pytest.raises(CannotStartError, match=r"names no confluence\.home"):
        INSTALLATIONS["confluence"].checked(variables)
    home = tmp_path / "another"
    home.mkdir()
    classes = Path(variables["CONFLUENCE_INSTALL_DIR"]) / "confluence/WEB-INF/classes"
    (classes / "confluence-init.properties").write_text(f"confluence.home={home}\n", encoding="utf-8")
    assert INSTALLATIONS["confluence"].checked(variables)["CONFLUENCE_HOME"] == str(home)


def remove_server(root: Path) -> None:
    """Take away what Tomcat reads."""
    (root / "opt/atlassian/jira/conf/server.xml").unlink()


def tear_server(root: Path) -> None:
    """Leave half of it."""
    (root / "opt/atlassian/jira/conf/server.xml").write_text("<Server>", encoding="utf-8")


def empty_server(root: Path) -> None:
    """Leave no connector in it."""
    (root / "opt/atlassian/jira/conf/server.xml").write_text("<Server/>", encoding="utf-8")


def remove_logins(root: Path) -> None:
    """Take away how people log in."""
    (root / "opt/atlassian/jira/atlassian-jira/WEB-INF/classes/seraph-config.xml").unlink()


def remove_work(root: Path) -> None:
    """Take away a folder that Tomcat writes to."""
    (root / "opt/atlassian/jira/work").rmdir()


def remove_home(root: Path) -> None:
    """Take away the home."""
    (root / "var/atlassian/application-data/jira").rmdir()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (remove_server, "server.xml is not there"),
        (tear_server, "server.xml cannot be read"),
        (empty_server, "names no connector"),
        (remove_logins, "seraph-config.xml is not there"),
        (remove_work, "work is no folder"),
        (remove_home, "jira is no folder"),
    ],
)
def test_what_lacks_is_said(tmp_path: Path, harm: Callable[[Path], None], words: str) -> None:
    variables = disk_of("jira", tmp_path)
    harm(tmp_path)
    with pytest.raises(CannotStartError, match=words):
        INSTALLATIONS["jira"].checked(variables)


@pytest.mark.parametrize(
    "folder", ["opt/atlassian/jira/temp", "var/atlassian/application-data/jira", "shared"]
)
def test_what_cannot_be_written_to_is_said(tmp_path: Path, folder: str) -> None:
    (tmp_path / "shared").mkdir()
    variables = disk_of("jira", tmp_path) | {"JIRA_SHARED_HOME": str(tmp_path / "shared")}
    (tmp_path / folder).chmod(0o555)
    # Root may write anywhere, so it is somebody else who starts.
    somebody = ("unshare", "--user", "--map-user=1", "--map-group=1") if os.getuid() == 0 else ()
    if somebody and subprocess.run((*somebody, "true"), capture_output=True, check=False).returncode:
        pytest.skip("this machine makes no user namespaces")
    done = subprocess.run(
        (*somebody, sys.executable, "-m", "understudy.container", "jira"),
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"cannot write to {tmp_path / folder}" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_root_does_not_start_it() -> None:
    command = (sys.executable, "-m", "understudy.container", "opensearch")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "root is not held here" in done.stderr) == (1, True)


def test_a_search_node_wants_a_strong_password_and_its_certificate(tmp_path: Path) -> None:
    variables = disk_of("opensearch", tmp_path)
    for weak in ("", "aa1.bcdefgh", "Aa1bcdefgh", "Aa1."):
        with pytest.raises(CannotStartError, match="is weak"):
            INSTALLATIONS["opensearch"].checked(variables | {"OPENSEARCH_INITIAL_ADMIN_PASSWORD": weak})
    assert INSTALLATIONS["opensearch"].checked(variables | {"DISABLE_SECURITY_PLUGIN": "true"})
    variables |= {
        "OPENSEARCH_INITIAL_ADMIN_PASSWORD": STRONG,
        "plugins.security.ssl.http.pemcert_filepath": "tls/tls.crt",
    }
    with pytest.raises(CannotStartError, match=r"tls/tls\.crt is not there"):
        INSTALLATIONS["opensearch"].checked(variables)
    certificates = Path(variables["OPENSEARCH_HOME"]) / "config/tls"
    certificates.mkdir()
    (certificates / "tls.crt").write_text("a certificate", encoding="ascii")
    assert INSTALLATIONS["opensearch"].checked(variables)


def test_a_class_is_looked_for_in_the_archives_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "one.jar").touch()
    (tmp_path / "two.jar").touch()
    words = (
        "-Xmx1g",
        "-Dname=value",
        "-classpath",
        f"{tmp_path}/*:{tmp_path}/absent.jar",
        "synchrony.core",
        "sql",
    )
    call = Call.read(words)
    assert call == Call(
        ("-Xmx1g", "-Dname=value"), (tmp_path / "one.jar", tmp_path / "two.jar"), "synchrony.core"
    )
    command = (sys.executable, "-m", "understudy.container.java", *words)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: Could not find or load main class synchrony.core\n")


def test_a_store_takes_the_first_certificate_of_a_file_once_by_each_name(tmp_path: Path) -> None:
    store, file = tmp_path / "cacerts", tmp_path / "bundle.pem"
    file.write_text(PEM.format("QUFB") + PEM.format("QkJC"), encoding="ascii")
    given = ("-importcert", "-noprompt", "-keystore", str(store), "-file", str(file), "-storepass")
    import_certificate((*given, "changeit", "-alias", "one"))
    assert "QUFB" in store.read_text(encoding="ascii")
    assert "QkJC" not in store.read_text(encoding="ascii")
    with pytest.raises(KeytoolError, match="<one> already exists"):
        import_certificate((*given, "changeit", "-alias", "one"))
    with pytest.raises(KeytoolError, match="at least 6 characters"):
        import_certificate((*given, "short", "-alias", "two"))
    file.write_text("nothing", encoding="ascii")
    with pytest.raises(KeytoolError, match=r"not an X\.509"):
        import_certificate((*given, "changeit", "-alias", "two"))

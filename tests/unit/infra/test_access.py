"""Logging in to EKS: what is signed names one cluster, is good for a moment, and keeps no secret."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from telamon.errors import MachineError, TelamonError
from telamon.platforms.aws.access import BEGIN, credential, kubeconfig

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of nobody; and no other ones on this machine."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "planted-secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", str(tmp_path / "none")),
        ("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none")),
    ):
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def url_in(token: str) -> str:
    """What a token amounts to."""
    assert token.startswith(BEGIN)
    text = token.removeprefix(BEGIN)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


@pytest.mark.usefixtures("credentials")
def test_a_token_is_a_signed_question_of_who_asks_that_names_the_cluster() -> None:
    made = credential("acme", region="eu-central-1", now=NOW)
    assert made["status"]["expirationTimestamp"] == "2026-11-22T12:14:00Z"
    url = url_in(made["status"]["token"])
    parts, words = urlsplit(url), parse_qs(urlsplit(url).query)
    assert (parts.scheme, parts.netloc) == ("https", "sts.eu-central-1.amazonaws.com")
    assert words["Action"] == ["GetCallerIdentity"]
    assert words["X-Amz-Expires"] == ["60"]
    assert words["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert "planted-secret" not in url
    other = url_in(credential("other", region="eu-central-1", now=NOW)["status"]["token"])
    assert parse_qs(urlsplit(other).query)["X-Amz-Signature"] != words["X-Amz-Signature"]


@pytest.mark.usefixtures("credentials")
def test_without_credentials_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(TelamonError) as caught:
        credential("acme", region="eu-central-1", now=NOW)
    assert isinstance(caught.value, MachineError)
    assert caught.value.remedy


def test_a_kubeconfig_calls_this_program_and_holds_no_secret() -> None:
    made = kubeconfig(
        "acme", region="eu-central-1", endpoint="https://x.eks", authority="Q0E=", program=["telamon"]
    )
    (user,) = made["users"]
    assert user["user"]["exec"]["args"] == ["infra", "token", "acme", "--region", "eu-central-1"]
    (cluster,) = made["clusters"]
    assert cluster["cluster"] == {"server": "https://x.eks", "certificate-authority-data": "Q0E="}

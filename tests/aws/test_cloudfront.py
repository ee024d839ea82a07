"""Distributions on moto, told to forget what they keep."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session

from telamon.errors import MachineError, TelamonError, UsageError
from telamon.plan.works.cdn import InvalidateDistribution
from telamon.platforms.aws.cloudfront import CloudFront
from telamon.platforms.clock import SteadyClock
from telamon.platforms.kubernetes.invalidating import Invalidations
from telamon.platforms.lab.records import FileJobRecords
from telamon.platforms.terraform.applying import Applying
from telamon.state.world import JobPhase
from telamon.wiring.ground import static_network
from tests.aws.conftest import DUMMY, Moto, terraform
from tests.support.desk import Desk
from tests.support.ground import SMALL
from tests.support.hosting import eventually

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def service(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Any:
    """CloudFront as a person at a console has it."""
    for name, value in DUMMY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.url)
    return get_session().create_client("cloudfront", region_name=DUMMY["AWS_REGION"])


def distribution(service: Any) -> str:
    """One that delivers the files of a product."""
    origin = {
        "Id": "product",
        "DomainName": "jira.acme.example",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }
    behaviour = {
        "TargetOriginId": "product",
        "ViewerProtocolPolicy": "https-only",
        "CachePolicyId": "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
    }
    made = service.create_distribution(
        DistributionConfig={
            "CallerReference": secrets.token_hex(4),
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": behaviour,
        }
    )
    return str(made["Distribution"]["Id"])


def test_everything_is_forgotten_under_the_name_that_was_given(service: Any) -> None:
    made, front = distribution(service), CloudFront(DUMMY["AWS_REGION"])
    invalidation = front.forget(made, reference="upgrade-jira-7")
    assert front.forgotten(made, invalidation)
    kept = service.get_invalidation(DistributionId=made, Id=invalidation)["Invalidation"]["InvalidationBatch"]
    assert kept["Paths"]["Items"] == ["/*"]
    assert kept["CallerReference"] == "upgrade-jira-7"


def test_the_verb_goes_by_what_the_layer_tells_and_begins_once_for_a_version(
    service: Any, tmp_path: Path
) -> None:
    made = distribution(service)
    edge = tmp_path / "deploy" / "edge"
    edge.mkdir(parents=True)
    told = {"layer": "sha256:1", "name_servers": ["ns.example"], "cdn_distributions": {"jira": made}}
    outputs = {name: {"value": value} for name, value in told.items()}
    (edge / "main.tf.json").write_text(json.dumps({"output": outputs}), encoding="utf-8")
    program = terraform()
    program.init(edge)
    assert program.plan(edge, out=edge / "plan")
    program.apply(edge, plan=edge / "plan", record=Applying(tmp_path), tell=print)
    file = tmp_path / "stack.yaml"
    text = SMALL.replace("ENVIRONMENT", "production").replace("REGION", DUMMY["AWS_REGION"])
    file.write_text(text.replace("MORE", "  edge: {cdn: {kind: cloudfront}}"), encoding="utf-8")
    words = ("infra", "invalidate", str(file), "--ground", str(tmp_path / "deploy"))
    found = Desk(tmp_path / "states").run(*words, "-o", "json")
    (one,) = found.document["invalidations"]
    assert (one["product"], one["distribution"], one["done"]) == ("jira", made, True)
    kept = service.get_invalidation(DistributionId=made, Id=one["invalidation"])["Invalidation"]
    assert kept["InvalidationBatch"]["CallerReference"] == "acme-jira-11.3.1"
    wrong = Desk(tmp_path / "states").run(*words, "--product", "jirra")
    assert wrong.code == 2
    assert "Did you mean jira?" in wrong.err


def test_the_operator_of_a_cluster_has_it_forget_by_itself(service: Any, tmp_path: Path) -> None:
    made, records = distribution(service), FileJobRecords(tmp_path)
    invalidations = Invalidations(records, SteadyClock(), static_network)
    work = InvalidateDistribution(made, reference="upgrade-jira-7")
    invalidations.begin("jira", "upgrade-jira-7/invalidate", region=DUMMY["AWS_REGION"], work=work)
    eventually(lambda: bool(records.jobs("jira")), "the end of an invalidation")
    assert records.jobs("jira")["upgrade-jira-7/invalidate"].phase is JobPhase.SUCCEEDED
    (one,) = service.list_invalidations(DistributionId=made)["InvalidationList"]["Items"]
    kept = service.get_invalidation(DistributionId=made, Id=one["Id"])["Invalidation"]["InvalidationBatch"]
    assert (kept["CallerReference"], kept["Paths"]["Items"]) == ("upgrade-jira-7", ["/*"])


def test_a_distribution_that_is_gone_is_named(service: Any) -> None:
    with pytest.raises(UsageError, match="E0GONE: there is no such distribution"):
        CloudFront(DUMMY["AWS_REGION"]).forget("E0GONE", reference="upgrade-jira-7")


def test_without_credentials_it_says_how_to_log_in(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(MachineError, match="there are no credentials for AWS"):
        CloudFront(DUMMY["AWS_REGION"]).forget("E0GONE", reference="upgrade-jira-7")


def test_what_does_not_answer_is_told_in_our_words(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TelamonError, match="invalidation of E0GONE failed"):
        CloudFront(DUMMY["AWS_REGION"]).forget("E0GONE", reference="upgrade-jira-7")

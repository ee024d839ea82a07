"""The certificate authority of the testbed."""

from __future__ import annotations

from pathlib import Path

from testbed.certificates import Authority


def test_one_user_in_other_groups_has_a_certificate_of_its_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    few = authority.client("system:serviceaccount:a:b")
    kept = few.certificate.read_bytes()
    many = authority.client("system:serviceaccount:a:b", groups=("system:masters",))
    assert many.certificate != few.certificate
    assert many.key != few.key
    assert few.certificate.read_bytes() == kept

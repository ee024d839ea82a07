"""Distributions of CloudFront, told to forget what they keep.

Neither the files of the layers nor the provider can do this, because it is an act and no state. It is asked for with
the credentials, region and endpoint that everything else of AWS on this machine goes by.

Sources: Amazon CloudFront API Reference, ``CreateInvalidation`` (the same ``CallerReference`` and paths again: the
invalidation that is there already; a path that ends in ``*`` counts once) and ``GetInvalidation`` (``InProgress``, then
``Completed``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from telamon.errors import MachineError, PlatformError, TelamonError, UsageError, brief
from telamon.platforms.terraform.failures import translate

EVERYTHING: Final = "/*"
UNDER_WAY: Final = "InProgress"


@dataclass(frozen=True)
class CloudFront:
    """The service, as whoever runs this may use it.

    Attributes:
        region: that the client is made for; CloudFront itself is worldwide.
    """

    region: str

    def forget(self, distribution: str, *, reference: str) -> str:
        """Begin to invalidate everything that a distribution keeps.

        Args:
            distribution: its id.
            reference: names this invalidation; under the same name nothing is begun twice.

        Returns:
            The invalidation's id.

        Raises:
            TelamonError: AWS refuses, or does not answer.
        """
        batch = {"Paths": {"Quantity": 1, "Items": [EVERYTHING]}, "CallerReference": reference}
        with _translated(f"invalidation of {distribution}"):
            answer = self._client().create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
        return str(answer["Invalidation"]["Id"])

    def forgotten(self, distribution: str, invalidation: str) -> bool:
        """Whether an invalidation has reached every edge.

        Raises:
            TelamonError: AWS refuses, or does not answer.
        """
        with _translated(f"invalidation of {distribution}"):
            answer = self._client().get_invalidation(DistributionId=distribution, Id=invalidation)
        return str(answer["Invalidation"]["Status"]) != UNDER_WAY

    def _client(self) -> Any:
        try:
            # It takes a third of a second, and only this needs it.
            from botocore.session import get_session  # noqa: PLC0415
        except ImportError as error:
            raise MachineError(
                "the library that speaks to CloudFront is not installed", remedy="pip install 'telamon[aws]'"
            ) from error
        return get_session().create_client("cloudfront", region_name=self.region)


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Say in our words what AWS refuses; what the library says may quote headers, so it is cut short."""
    try:
        yield
    except TelamonError:
        raise
    except Exception as error:
        code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
        if code == "NoSuchDistribution":
            raise UsageError(
                f"{doing}: there is no such distribution",
                remedy="Apply the layer edge again, so that what it tells is true.",
            ) from error
        if code:
            raise translate(f"Error: {code}", doing=doing) from error
        if type(error).__name__ == "NoCredentialsError":
            raise translate("Error: No valid credential sources found", doing=doing) from error
        raise PlatformError(f"{doing} failed: {type(error).__name__}: {brief(error, limit=80)}") from error

"""As whom the engine speaks to a product."""

from __future__ import annotations

from collections.abc import Mapping

from telamon.desired.calls import Secured
from telamon.plan.setup import BY_PASSWORD, LOG_IN
from telamon.platforms.calls.parts import JobRecords, Spoken, Values
from telamon.platforms.rest import Credential, Password, Token
from telamon.products.base import Identity, SecretValue
from telamon.products.notes import LOGIN_REFUSED
from telamon.state.world import JobPhase, JobState

SERVICE_ACCOUNT_JOB = "service-account"


class Credentials:
    """Log-ins to products.

    Args:
        secrets: where the values are.
        records: whether the service account was made.
    """

    def __init__(self, secrets: Values, records: JobRecords) -> None:
        self._secrets = secrets
        self._records = records

    def for_work(self, part: Spoken) -> Mapping[Identity, Credential] | None:
        """The service account's; ``None`` while it is not made, or is refused: more refused log-ins would lock it out.

        A component that makes no account is spoken to anonymously, unless its nodes know a user from their environment.

        Raises:
            PlatformError: the password of that user is missing, or may not be read.
        """
        if part.user is not None:
            password = self.value(part.user.password)
            return {Identity.SERVICE_ACCOUNT: Password(part.user.username, password)}
        if part.product is None or part.set_up is None or not part.desired.account:
            return {}
        jobs = self._records.jobs(part.desired.name)
        log_in = jobs.get(LOG_IN)
        if log_in is not None and log_in.phase is JobPhase.FAILED:
            return None
        token = self._secrets.find(part.set_up.account_token)
        if token:
            return {Identity.SERVICE_ACCOUNT: Token(token)}
        made = jobs.get(SERVICE_ACCOUNT_JOB)
        if made is None or made.result != "done":
            return None
        return {
            Identity.SERVICE_ACCOUNT: self._password(
                part.set_up.account_username, part.set_up.account_password
            )
        }

    def secured(self, part: Spoken) -> Secured | None:
        """How nodes are known that speak TLS to whoever gives them a password; ``None`` where they speak plain HTTP.

        Raises:
            PlatformError: the authority of their certificate is missing, or may not be read.
        """
        if part.user is None or part.user.authority is None:
            return None
        return Secured(self.value(part.user.authority), part.user.name)

    def for_account(self, part: Spoken) -> Mapping[Identity, Credential]:
        """Both accounts by password, for making the one by means of the other."""
        if part.set_up is None:
            return {}
        own = part.set_up
        return {
            Identity.ADMINISTRATOR: self._password(own.admin_username, own.admin_password),
            Identity.SERVICE_ACCOUNT: self._password(own.account_username, own.account_password),
        }

    def for_renewal(self, part: Spoken) -> Mapping[Identity, Credential]:
        """The service account by password, for making it another token."""
        if part.set_up is None:
            return {}
        own = part.set_up
        return {Identity.SERVICE_ACCOUNT: self._password(own.account_username, own.account_password)}

    def refused(self, part: Spoken, credential: Credential, *, at: float) -> None:
        """Note that a log-in for work was refused: nobody logs in for work again until it was renewed.

        Raises:
            MachineError: the disk is full or read-only.
        """
        name, by_password = part.desired.name, isinstance(credential, Password)
        if by_password:
            # A refused token raises no CAPTCHA; a refused password does so at the third time.
            self._records.note(name, at, text=LOGIN_REFUSED + Identity.SERVICE_ACCOUNT.value)
        result = BY_PASSWORD if by_password else ""
        self._records.put(name, JobState(LOG_IN, JobPhase.FAILED, ended=at, result=result))

    def renewed(self, part: Spoken, token: str | None, *, at: float) -> None:
        """Keep what a renewal came to. Without a token the engine logs in by password from now on.

        Raises:
            MachineError: the disk is full or read-only.
        """
        self.keep_token(part, token or "")
        self._records.put(part.desired.name, JobState(LOG_IN, JobPhase.SUCCEEDED, ended=at, result="done"))

    def value(self, reference: SecretValue) -> str:
        """One value.

        Raises:
            PlatformError: it is missing.
        """
        return self._secrets.get(reference.secret, reference.key)

    def keep_token(self, part: Spoken, token: str) -> None:
        """Keep the service account's token."""
        if part.set_up is not None:
            reference = part.set_up.account_token
            self._secrets.put(reference.secret, {reference.key: token})

    def _password(self, username: SecretValue, password: SecretValue) -> Password:
        return Password(self.value(username), self.value(password))

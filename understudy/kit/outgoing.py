"""What a product tells others by itself: mail by SMTP, webhooks by HTTP.

Whom to tell stands in the database, in the tables of each product. Nothing is told, and next to nothing asked, where
nobody has put anything there: what is there is looked up once a second at most, and only while something happens.

A delivery that fails is logged and given up; the products try mail again and count failures of webhooks.
"""

from __future__ import annotations

import logging
import queue
import smtplib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage

import httpx

from understudy.kit.errors import UnderstudyError
from understudy.kit.settings import Endpoint

_LOG = logging.getLogger("understudy.outgoing")
_FRESH_SECONDS = 1.0
_MOST_WAITING = 1000
_TIMEOUT_SECONDS = 5.0

MAIL_OFF = "atlassian.mail.senddisabled"
"""System property that keeps a product from sending mail. Source: ``setenv.sh`` of Jira and of Confluence."""


@dataclass(frozen=True)
class Addressees:
    """Whom the database names.

    Attributes:
        mail: the mail server; None where there is none.
        sender: the address that mail comes from.
        hooks: addresses of webhooks that are switched on.
    """

    mail: Endpoint | None = None
    sender: str = ""
    hooks: Sequence[str] = ()


@dataclass(frozen=True)
class Event:
    """Something that others are told.

    Attributes:
        name: as the product's webhooks call it.
        words: for people, the subject of a mail.
        people: e-mail addresses of whoever is told by mail.
        body: what webhooks are sent beside the name.
    """

    name: str
    words: str
    people: Sequence[str] = ()
    body: Mapping[str, object] = field(default_factory=dict)


class Outgoing:
    """Tells others, in a thread of its own that begins with the first event.

    Args:
        addressees: looks up whom to tell.
        mail_off: whether mail is never sent, whatever the database says.
        name_key: under which key a webhook's body carries the name of the event.
    """

    def __init__(
        self, addressees: Callable[[], Addressees], *, mail_off: bool, name_key: str = "event"
    ) -> None:
        self._addressees = addressees
        self._mail_off = mail_off
        self._name_key = name_key
        self._waiting: queue.Queue[Event] = queue.Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._known = Addressees()
        self._looked = float("-inf")

    def tell(self, event: Event) -> None:
        """Tell others soon; what is beyond a thousand waiting events is dropped."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="outgoing", daemon=True)
                self._thread.start()
        with suppress(queue.Full):
            self._waiting.put_nowait(event)

    def _work(self) -> None:
        while True:
            event = self._waiting.get()
            try:
                self._deliver(event, self._look())
            except (UnderstudyError, OSError, smtplib.SMTPException, httpx.HTTPError) as error:
                _LOG.warning("%s was not told: %s", event.name, error)

    def _look(self) -> Addressees:
        if time.monotonic() - self._looked >= _FRESH_SECONDS:
            self._known, self._looked = self._addressees(), time.monotonic()
        return self._known

    def _deliver(self, event: Event, to: Addressees) -> None:
        for url in to.hooks:
            httpx.post(
                url,
                json={self._name_key: event.name, **event.body},
                timeout=_TIMEOUT_SECONDS,
                trust_env=False,
            )
        if to.mail is not None and not self._mail_off and event.people:
            self._send(event, to.mail, sender=to.sender)

    @staticmethod
    def _send(event: Event, server: Endpoint, *, sender: str) -> None:
        message = EmailMessage()
        message["Subject"], message["From"] = event.words, sender
        message["To"] = ", ".join(event.people)
        message.set_content(event.words)
        with smtplib.SMTP(server.address, server.port, timeout=_TIMEOUT_SECONDS) as connection:
            connection.send_message(message)


def is_mail_off(properties: Mapping[str, str]) -> bool:
    """Whether a system property keeps the product from sending mail."""
    return properties.get(MAIL_OFF, "").lower() == "true"

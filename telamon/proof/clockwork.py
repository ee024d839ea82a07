"""What the clients of a load run have in common besides the server: a clock, a record, and an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from telamon.proof.record import Sample


@dataclass(frozen=True)
class Clockwork:
    """One run, as the clients that do not ask by HTTP see it.

    Attributes:
        run: unique text of the run, with which every token begins.
        epoch: instant at which it begins, on the loop's clock.
        seconds: how long it lasts at most.
        ended: set when it is to end early.
        record: takes every sample.
    """

    run: str
    epoch: float
    seconds: float
    ended: asyncio.Event
    record: Callable[[Sample], None]

    def now(self) -> float:
        """Seconds after the beginning of the run."""
        return asyncio.get_running_loop().time() - self.epoch

    async def comes(self, due: float) -> bool:
        """Wait for an instant of the run; false where the run ends before."""
        try:
            async with asyncio.timeout_at(self.epoch + due):
                await self.ended.wait()
        except TimeoutError:
            return True
        return False

"""What never changes once it is there, in the words of everybody who refuses it.

The API server does by rules of the custom resource, admission and the operator by what lives.
"""

from __future__ import annotations

from typing import Final

ELSEWHERE: Final = "another stack, and a restore into it, move what it holds"
SMALLER: Final = f"a volume grows and never shrinks: put the size back; {ELSEWHERE}"
OTHER_CLASS: Final = (
    f"the storage class of volumes cannot change once they are made: put it back; {ELSEWHERE}"
)

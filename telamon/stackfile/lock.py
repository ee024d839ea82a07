"""Reads and writes ``stack.lock.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from telamon.errors import Problem, StackFileError, brief
from telamon.model.lock import StackLock
from telamon.naming import API_VERSION
from telamon.stackfile.build import to_yaml

NAME: Final = "stack.lock.yaml"
"""Of the file, beside the stack file."""
_REMEDY: Final = "Write it anew: remove it and run `telamon lock`."
_HEAD: Final = "# Written by telamon lock. Keep it with the stack file.\n"


def read_lock(content: bytes, *, source: str) -> Mapping[str, str]:
    """Digests by the name of the image.

    Args:
        content: of the file.
        source: its name, as problems show it.

    Raises:
        StackFileError: it is no lock; the error tells where.
    """
    try:
        data = YAML(typ="safe", pure=True).load(content.decode("utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise StackFileError([_problem(source, brief(error.problem or error), line=line)]) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise StackFileError([_problem(source, brief(error))]) from error
    try:
        return dict(StackLock.model_validate(data, by_alias=True, by_name=False).images)
    except ValidationError as error:
        problems = [
            _problem(source, item["msg"], path=".".join(map(str, item["loc"])))
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise StackFileError(problems) from error


def lock_text(images: Mapping[str, str]) -> str:
    """The text of the file; the same for the same digests.

    Args:
        images: digest by the name of the image.
    """
    document = {"apiVersion": API_VERSION, "kind": "StackLock", "images": dict(sorted(images.items()))}
    return _HEAD + to_yaml(document)


def _problem(source: str, message: str, *, line: int = 1, path: str = "") -> Problem:
    return Problem(source, line, 1, path, message, _REMEDY, "lock-is-readable")

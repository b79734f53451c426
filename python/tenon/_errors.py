"""The exceptions; tenon._native makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenon._native import Diagnostic


class Error(Exception):
    """Whatever tenon raises by itself."""


class UserError(Error, ValueError):
    """The input is wrong: rules, a checkpoint, options.

    str() is what the program prints, with places and what to do.
    """

    diagnostics: list[Diagnostic]
    """Everything that was found, errors among it."""

    def to_dict(self) -> dict:
        """{"errors": [{"id", "file", "line", "column", "key", "message", "hint"}]}; absent members are left out."""
        names = ("id", "file", "line", "column", "offset", "key", "message", "hint")
        members = [{name: getattr(d, name) for name in names} for d in self.diagnostics]
        return {"errors": [{k: v for k, v in m.items() if v not in ("", 0, None)} for m in members]}


class SystemError(Error, OSError):  # noqa: A001 (tenon.SystemError is what it is called everywhere)
    """The system failed: disk full, permission, a file that is gone. `errno` and `filename` are set."""

    id: str
    """Stable: 'system-disk-full'."""

    def __str__(self) -> str:
        return self.args[-1] if len(self.args) == 1 else self._text

    _text = ""


def user_error(text: str, diagnostics: list[Diagnostic]) -> UserError:
    error = UserError(text.rstrip("\n"))
    error.diagnostics = diagnostics
    return error


def system_error(text: str, identifier: str, path: str, number: int) -> SystemError:
    error = SystemError(number, text, path or None)
    error.id = identifier
    error._text = text
    return error

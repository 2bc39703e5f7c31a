"""What can go wrong, as types that carry what a reader needs to mend it.

Every error names what was given, where (file, line, key), what is allowed and what to do next; the
command line prints the message alone and ends with `exit_code`. Anything that is not a
`TracssError` is a defect of ours and shows its traceback.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "EphemerisRangeError",
    "InputDataError",
    "Interrupted",
    "MessageError",
    "NotYetError",
    "TracssError",
    "UsageError",
]


class TracssError(Exception):
    """Base of all errors meant for the user; ends the program with `exit_code`."""

    exit_code = 1


class UsageError(TracssError):
    """The command line asks for something that cannot be done (exit code 2)."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration key or value is wrong; carries `key`, `given`, `allowed`."""

    def __init__(
        self, message: str, *, key: str = "", given: object = None, allowed: object = None
    ):
        super().__init__(message)
        self.key, self.given, self.allowed = key, given, allowed


class NotYetError(UsageError):
    """A documented feature that this version does not have yet (exit code 2)."""


class Interrupted(TracssError):
    """The run was asked to stop and left a valid checkpoint (exit code 75, EX_TEMPFAIL)."""

    exit_code = 75


class InputDataError(TracssError):
    """Input data is unusable (exit code 3); carries `file`, `line`, `key`, `given`, `allowed`."""

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        line: int = 0,
        key: str = "",
        given: object = None,
        allowed: object = None,
    ):
        super().__init__(message)
        self.file, self.line, self.key = file, line, key
        self.given, self.allowed = given, allowed


class MessageError(InputDataError):
    """A record of a standard message (TLE, OMM, CDM, ...) is malformed.

    `code` names the rule that it breaks where the format has a list of them (O01 to O20 of an OCM).
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        file: str = "",
        line: int = 0,
        key: str = "",
        given: object = None,
        allowed: object = None,
    ):
        super().__init__(message, file=file, line=line, key=key, given=given, allowed=allowed)
        self.code = code


class EphemerisRangeError(TracssError):
    """No ephemeris at a time (exit code 3); carries `start_s`, `stop_s`, `objects`."""

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        start_s: float = float("nan"),
        stop_s: float = float("nan"),
        objects: object = (),
    ):
        super().__init__(message)
        self.start_s, self.stop_s, self.objects = start_s, stop_s, objects

"""What is wrong with a message: collected finding by finding, so that one reading names them all.

Fed by the rules of a reader (O01 to O20 of an OCM); feeds its error or the warnings of its record.
"""

from __future__ import annotations

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.trajectory_record import Finding

__all__ = ["Judge"]

_LISTED = 12  # findings named in one error; the rest is counted
_WIDTH = 60  # characters of a value that are quoted


class Judge:
    """Errors and warnings of one message; `strict` and `lenient` decide which is which."""

    def __init__(self, file: str, *, strict: bool = False, lenient: bool = False):
        self.file, self.strict, self.lenient = file, strict, lenient
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    def error(self, code: str, line: int, key: str, found: object, expected: str, why: str) -> None:
        """Take down that the message cannot be used; `finish` raises it."""
        self.errors.append(self._finding(code, line, key, found, expected, why))

    def warn(self, code: str, line: int, key: str, found: object, expected: str, why: str) -> None:
        """Take down a doubt: an error when `strict`."""
        target = self.errors if self.strict else self.warnings
        target.append(self._finding(code, line, key, found, expected, why))

    def forgive(
        self, code: str, line: int, key: str, found: object, expected: str, why: str
    ) -> None:
        """Take down what `lenient` mends: an error unless lenient."""
        if self.lenient:
            self.warn(code, line, key, found, expected, why)
        else:
            self.error(code, line, key, found, expected, why)

    def fatal(
        self, code: str, line: int, key: str, found: object, expected: str, why: str
    ) -> MessageError:
        """The error to raise at once, when reading on makes no sense, with all before it."""
        self.error(code, line, key, found, expected, why)
        return self._all_errors()

    def finish(self) -> None:
        """Raise `MessageError` if there is any error; it names the first and lists the others."""
        if self.errors:
            raise self._all_errors()

    def _all_errors(self) -> MessageError:
        first = self.errors[0]
        lines = [finding.text for finding in self.errors[:_LISTED]]
        if len(self.errors) > _LISTED:
            lines.append(f"and {len(self.errors) - _LISTED} more")
        return MessageError(
            "\n".join(lines),
            code=first.code,
            file=first.file,
            line=first.line,
            key=first.key,
            given=first.found,
            allowed=first.expected,
        )

    def _finding(
        self, code: str, line: int, key: str, found: object, expected: str, why: str
    ) -> Finding:
        given = str(found)
        given = given if len(given) <= _WIDTH else f"{given[:_WIDTH]}..."
        place = f"{self.file}, line {line}" if line else self.file
        name = f", {key}" if key else ""
        text = f"{place}{name}: {code}: {why}: found {given!r}, expected {expected}"
        return Finding(code, self.file, line, key, given, expected, text)

"""What a client is told when something is refused, and the faults that are ours.

`spec/errors.toml` has the numbers, texts and HTTP statuses; nothing else in the code spells one out.
"""

from typing import Any

from tandem.domain.error_table import ERRORS, REJECTS


class Fault(Exception):
    """Root of what is our fault (disk, network, a damaged file); never shown to a client as it is."""


class ApiError(Exception):
    """An answer other than success. Raised by whoever finds out, encoded by the edge."""

    __slots__ = ("code", "data", "message", "name", "retry_after_seconds", "status")

    def __init__(
        self,
        code: int,
        message: str,
        status: int,
        *,
        name: str = "",
        data: Any = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.name = name
        self.data = data
        """Becomes `data` of the error's JSON when it is not None."""
        self.retry_after_seconds = retry_after_seconds

    def body(self) -> dict[str, Any]:
        """The JSON object of the answer (REST) or of its `error` (WebSocket API)."""
        if self.data is None:
            return {"code": self.code, "msg": self.message}
        return {"code": self.code, "msg": self.message, "data": self.data}


def api_error(name: str, *values: object) -> ApiError:
    """The error of this name in spec/errors.toml, its text chosen and filled by `values`. KeyError: there is none."""
    code, status, texts = ERRORS[name]
    text = texts[len(values)]
    return ApiError(code, text % values if values else text, status, name=name)


def engine_reject(number: int, *, value: str = "") -> ApiError:
    """What the client is told when the engine refuses with this number; `value` replaces the text's value."""
    _, error, values = REJECTS[number]
    return api_error(error, value) if value else api_error(error, *values)


def reject_name(number: int) -> str:
    """The engine's name for a reject (`price_filter_failed`), for logs and the operator's tools."""
    return REJECTS[number][0]

"""The trading tests' rig, observed: no transport carries its requests, so what they hold counts, not the operation."""

from typing import Any

import orjson

from tandem.domain.errors import ApiError
from tests.conformance.observe import Observer
from tests.trading.rig import Rig


def observe_rig(observer: Observer) -> None:
    original = Rig.ask

    async def ask(rig: Rig, name: str, *given: Any, **params: Any) -> Any:
        try:
            answer = await original(rig, name, *given, **params)
        except ApiError as error:
            observer.refused(error)
            raise
        observer.accepted("", rig.operations[name], params, orjson.dumps(answer, default=str))
        return answer

    Rig.ask = ask  # type: ignore[method-assign]

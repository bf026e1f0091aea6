"""Ways to a user data stream besides the signed ones: listen keys, which are retired, and listen tokens.

Margin clients ask under /sapi; there is one account behind all of it.
"""

from typing import Any

from tandem.domain.operation import Args, Call, Kind, Operation, Param, Security
from tandem.identity.listen_keys import ListenKeys
from tandem.identity.listen_tokens import LONGEST_MS, ListenTokens

PATH = "/api/v3/userDataStream"
OTHER_PATHS = ("/api/v1/userDataStream", "/sapi/v1/userDataStream")
WEIGHT = 2
_NAMED = (Param("listenKey", Kind.STRING, mandatory=True),)
_TOKEN = (
    Param("symbol", Kind.SYMBOL),
    Param("isIsolated", Kind.BOOL),
    Param("validity", Kind.LONG, minimum=1, maximum=LONGEST_MS),
    # Some clients sign this request and some do not; the key alone is needed.
    Param("timestamp", Kind.STRING),
    Param("recvWindow", Kind.STRING),
)


def operations(listen_keys: ListenKeys, listen_tokens: ListenTokens) -> list[Operation]:
    def start(call: Call, _args: Args) -> dict[str, str]:
        return {"listenKey": listen_keys.start(call.account, call.api_key).name}

    def extend(call: Call, args: Args) -> dict[str, str]:
        listen_keys.extend(args["listenKey"], call.account, call.api_key)
        return {}

    def close(call: Call, args: Args) -> dict[str, str]:
        listen_keys.close(args["listenKey"], call.account)
        return {}

    def issue(call: Call, args: Args) -> dict[str, Any]:
        token = listen_tokens.issue(call.account, call.api_key, args.get("validity", LONGEST_MS))
        return {"token": token.name, "expirationTime": call.show_time(token.expires_us)}

    key = Security.KEY
    found = [
        Operation(
            "POST",
            "/sapi/v1/userListenToken",
            "",
            key,
            1,
            _TOKEN,
            issue,
            summary="A token for the account's events on the WebSocket API.",
        )
    ]
    for path in (PATH, *OTHER_PATHS):
        ws = "userDataStream." if path == PATH else ""
        found += [
            Operation("POST", path, ws and ws + "start", key, WEIGHT, (), start, summary="The live listen key."),
            Operation("PUT", path, ws and ws + "ping", key, WEIGHT, _NAMED, extend, summary="Another 60 minutes."),
            Operation("DELETE", path, ws and ws + "stop", key, WEIGHT, _NAMED, close, summary="Its end."),
        ]
    return found

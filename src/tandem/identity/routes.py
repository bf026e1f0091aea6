"""Listen keys: the retired way to a user data stream, which older clients still take."""

from tandem.domain.operation import Args, Call, Kind, Operation, Param, Security
from tandem.identity.listen_keys import ListenKeys

PATH = "/api/v3/userDataStream"
WEIGHT = 2


def operations(listen_keys: ListenKeys) -> list[Operation]:
    def start(call: Call, _args: Args) -> dict[str, str]:
        return {"listenKey": listen_keys.start(call.account, call.api_key).name}

    def extend(call: Call, args: Args) -> dict[str, str]:
        listen_keys.extend(args["listenKey"], call.account, call.api_key)
        return {}

    def close(call: Call, args: Args) -> dict[str, str]:
        listen_keys.close(args["listenKey"], call.account)
        return {}

    named = (Param("listenKey", Kind.STRING, mandatory=True),)
    return [
        Operation(
            "POST", PATH, "userDataStream.start", Security.KEY, WEIGHT, (), start, summary="The live listen key."
        ),
        Operation(
            "PUT", PATH, "userDataStream.ping", Security.KEY, WEIGHT, named, extend, summary="Another 60 minutes."
        ),
        Operation("DELETE", PATH, "userDataStream.stop", Security.KEY, WEIGHT, named, close, summary="Its end."),
    ]

"""What an account's own streams say, event by event and letter by letter: the source of docs/reference/user-data.md.

A letter with a dot is one of each element of a list: `B.a` is in each of B. Types are those of `openapi_schemas`. A
test holds the letters to those that the code can write.
"""

from typing import NamedTuple


class Field(NamedTuple):
    letter: str
    type: str
    meaning: str
    when: str = "always"


class Event(NamedTuple):
    name: str
    when: str
    fields: tuple[Field, ...]


_TYPE, _TIME = Field("e", "text", "the event's name"), Field("E", "time", "when it happened")
_PREVENTED, _ROUTED, _PEGGED = "x is TRADE_PREVENTION", "the order was routed", "the order is pegged"
_ALLOCATED, _TRAILING = "the fill is an allocation", "the order has a trailing delta"

_REPORT = (
    _TYPE,
    _TIME,
    Field("s", "text", "market"),
    Field("c", "text", "client order id; of a canceled order the id of the cancel"),
    Field("S", "Side", "side"),
    Field("o", "OrderType", "type"),
    Field("f", "TimeInForce", "time in force; GTC for a type that takes none"),
    Field("q", "decimal", "quantity; of an order by quote amount what it comes to; zero of a pending OPO order"),
    Field("p", "decimal", "price, as it was sent; zero if none was"),
    Field("P", "decimal", "stop price; zero if it has none"),
    Field("F", "decimal", "iceberg quantity; zero if it has none"),
    Field("g", "int", "id of its list; -1 if it is in none"),
    Field("C", "text", "client order id that it had before a cancel or an amend; empty otherwise"),
    Field(
        "x",
        "text",
        "what happened: NEW (also when an order that waited begins to work), TRADE, TRADE_PREVENTION, REPLACED "
        "(amended), CANCELED, EXPIRED, REJECTED (the new order of a cancel-replace whose cancel was done)",
    ),
    Field("X", "OrderStatus", "status of the order after it"),
    Field(
        "r",
        "text",
        "why it was rejected: INSUFFICIENT_BALANCES, STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY, WOULD_MATCH_IMMEDIATELY; "
        "NONE for another reason, and if it was not",
    ),
    Field("i", "int", "order id; -1 of a rejected order"),
    Field("l", "decimal", "quantity of this fill; zero if it is none"),
    Field("z", "decimal", "quantity filled so far"),
    Field("L", "decimal", "price of this fill; zero if it is none"),
    Field("n", "decimal", "commission of this fill; 0 if it is none"),
    Field("N", "text|null", "asset of the commission; null if it is no fill"),
    Field("T", "time", "when the exchange did it; the same as E"),
    Field("t", "int", "trade id; -1 if it is no trade, and of an allocation"),
    Field("I", "int", "execution id: rises with each report of the account"),
    Field("w", "bool", "whether the order is on the book"),
    Field("m", "bool", "whether the order was the maker of this fill"),
    Field("M", "bool", "whether this is a fill"),
    Field("O", "time", "when the order was accepted"),
    Field("W", "time", "since when the order works", "it works or did: not while it waits for its trigger or its list"),
    Field("Z", "decimal", "quote amount filled so far"),
    Field("Y", "decimal", "quote amount of this fill; zero if it is none"),
    Field("Q", "decimal", "quote amount asked for (quoteOrderQty); zero if none was"),
    Field("V", "SelfTradePrevention", "self-trade prevention mode"),
    Field("j", "int", "strategy id", "it was sent"),
    Field("J", "int", "strategy type", "it was sent"),
    Field("d", "int", "trailing delta, in hundredths of a percent", _TRAILING),
    Field("D", "time", "since when it follows the price; -1 if it does not yet", _TRAILING),
    Field("k", "WorkingFloor", "where it last was: SOR if its last fill is an allocation", _ROUTED),
    Field("uS", "bool", "true", _ROUTED),
    Field("gP", "PegPriceType", "which price it is pegged to", _PEGGED),
    Field("gOT", "PegOffsetType", "what the offset counts", "the order is pegged with an offset"),
    Field("gOV", "int", "offset", "the order is pegged with an offset"),
    Field("gp", "decimal", "limit that the book gave it", "the order is pegged, and has begun to work"),
    Field("b", "text", "ONE_PARTY_TRADE_REPORT", _ALLOCATED),
    Field("a", "int", "allocation id", _ALLOCATED),
    Field("v", "int", "id of the prevented match", _PREVENTED),
    Field("A", "decimal", "quantity of the order prevented so far", _PREVENTED),
    Field("B", "decimal", "quantity of the order that this prevented", _PREVENTED),
    Field("u", "int", "trade group", f"{_PREVENTED}, and the orders' accounts have one"),
    Field("U", "int", "id of the other order", _PREVENTED),
    Field("Cs", "text", "market of the other order", _PREVENTED),
    Field("pl", "decimal", "quantity that would have been filled", _PREVENTED),
    Field("pL", "decimal", "price that it would have been filled at", _PREVENTED),
    Field("pY", "decimal", "quote amount that it would have been", _PREVENTED),
    Field("eR", "ExpiryReason", "why the order ended", "x is EXPIRED, but for one that was amended down to its fills"),
)
_LIST = (
    _TYPE,
    _TIME,
    Field("s", "text", "market"),
    Field("g", "int", "list id; -1 of a list that was refused"),
    Field("c", "Contingency", "kind: OCO for a plain pair, OTO for every list with a working order"),
    Field(
        "l",
        "ListStatus",
        "what happened: EXEC_STARTED placed, UPDATED an order was amended, ALL_DONE ended, RESPONSE refused",
    ),
    Field("L", "ListOrderStatus", "state of the list: EXECUTING, ALL_DONE or REJECT"),
    Field(
        "r",
        "text",
        "why it was refused: as in executionReport, or OCO_BAD_PRICES; NONE for another reason, and if it was not",
    ),
    Field("C", "text", "client's id of the list"),
    Field("T", "time", "when the exchange did it; the same as E"),
    Field("O", "list", "its orders"),
    Field("O.s", "text", "market"),
    Field("O.i", "int", "order id; -1 in a list that was refused"),
    Field("O.c", "text", "client order id"),
)
EVENTS = (
    Event("executionReport", "Something happened to an order.", _REPORT),
    Event(
        "listStatus",
        "An order list was placed or refused, an order of it got another client order id, or it ended. Its orders have "
        "reports of their own.",
        _LIST,
    ),
    Event(
        "outboundAccountPosition",
        "Balances changed: once for each command, after its other events, with the balances that it touched.",
        (
            _TYPE,
            _TIME,
            Field("u", "time", "when the balances changed; the same as E"),
            Field("B", "list", "balances, as they are now"),
            Field("B.a", "text", "asset"),
            Field("B.f", "decimal", "free"),
            Field("B.l", "decimal", "locked by orders"),
        ),
    ),
    Event(
        "balanceUpdate",
        "Funds came or went otherwise than by trading: the operator credited or debited them, or self-trade prevention "
        "transferred them within a trade group.",
        (
            _TYPE,
            _TIME,
            Field("a", "text", "asset"),
            Field("d", "decimal", "amount, negative if it went"),
            Field("T", "time", "when it was booked; the same as E"),
        ),
    ),
    Event(
        "eventStreamTerminated",
        "A subscription of the WebSocket API ended: by unsubscribing, by a logout, because its listen token expired or "
        "its API key was revoked.",
        (_TYPE, _TIME),
    ),
    Event(
        "listenKeyExpired",
        "A listen key ended: it expired, was deleted, or its API key was revoked. Nothing comes under it any more.",
        (_TYPE, _TIME, Field("listenKey", "text", "listen key")),
    ),
    Event(
        "serverShutdown",
        "The server closes every connection soon, this one too, and starts again.",
        (_TYPE, _TIME),
    ),
)
INTRODUCTION = (
    "They come after `userDataStream.subscribe`, `userDataStream.subscribe.signature` or "
    '`userDataStream.subscribe.listenToken` of the WebSocket API, as `{"subscriptionId":0,"event":{...}}`; or at '
    '`/ws/<listenKey>`, bare, and at `/stream?streams=<listenKey>`, as `{"stream":"<listenKey>","data":{...}}`. Times '
    "are milliseconds since 1970 (UTC), microseconds with `timeUnit=MICROSECOND` in the URL. Numbers of assets are "
    "text. The reports of one command come in the order in which things happened, its balances last. Nothing is told "
    "before it is durable. `externalLockUpdate` never comes: only orders lock funds here."
)


def markdown() -> str:
    """A table for each event."""
    parts = []
    for event in EVENTS:
        rows = ["| letter | type | meaning | when it is there |", "|---|---|---|---|"]
        rows += [f"| `{f.letter}` | {f.type.replace('|', ' or ')} | {f.meaning} | {f.when} |" for f in event.fields]
        parts.append("\n".join([f"## {event.name}", "", event.when, "", *rows]))
    return "\n\n".join(parts)

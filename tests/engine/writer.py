"""A process that drives an engine as fast as it can and says what it has published: `python -m ...writer DIR SEED`.

One line a batch: its first and last seq, and a hash over its results. It runs until it is killed, or COUNT commands.
"""

import random
import sys
from hashlib import sha256

from tandem._engine import Engine, Overloaded, Result
from tests.engine.shard import BUYER, MARKET, SELLER, buy, sell, set_up


def fingerprint(result: Result) -> bytes:
    """Of all that everybody has to agree on."""
    return sha256(repr((result.seq, result.time_us, result.code, result.events)).encode()).digest()


def fingerprint_of(results: list[bytes]) -> str:
    return sha256(b"".join(results)).hexdigest()


def submit(engine: Engine, dice: random.Random) -> None:
    kind = dice.random()
    if kind < 0.4:
        sell(engine, 100 + dice.randrange(10), 100 * dice.randrange(1, 9))
    elif kind < 0.8:
        buy(engine, 96 + dice.randrange(8), 100 * dice.randrange(1, 9))
    elif kind < 0.99:
        engine.cancel_order(dice.choice((BUYER, SELLER)), MARKET, dice.randrange(1, 20_000), "", "")
    else:
        engine.cancel_all(dice.choice((BUYER, SELLER)), MARKET)


def main(path: str, seed: str, count: str = "1000000000") -> None:
    engine = Engine.open(path, segment_bytes=1 << 20, reserve_bytes=0, snapshot_every=20_000)
    while engine.poll():  # told before
        pass
    if not engine.markets():
        set_up(engine)
    dice, left = random.Random(seed), int(count)
    while left > 0:
        try:
            for _ in range(200):
                submit(engine, dice)
                left -= 1
        except Overloaded:
            pass
        tell(engine)
    while engine.stats()["queue"] or engine.digest()[0] < engine.stats()["last_seq"]:
        tell(engine)
    engine.close()
    tell(engine)
    say("end", *engine.digest())


def tell(engine: Engine) -> None:
    for batch in engine.poll(100_000):
        hashes = [fingerprint(result) for result in batch.results]
        say(batch.results[0].seq, batch.seq, fingerprint_of(hashes))


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

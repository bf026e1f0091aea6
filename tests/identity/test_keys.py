import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tandem.domain.requests import read_frame, read_http
from tandem.identity.keys import (
    ApiKey,
    KeyKind,
    KeyRefused,
    hmac_verifier,
    public_key_verifier,
    read_networks,
    read_permissions,
)

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
REST_VECTORS = [
    (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    (
        "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1"
        "&price=0.1&recvWindow=5000&timestamp=1499827319559",
        "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
]
WS_VECTORS = [
    (
        '"symbol":"BTCUSDT","side":"SELL","type":"LIMIT","timeInForce":"GTC","quantity":"0.01000000","price":"52000.00",'
        '"recvWindow":100,"timestamp":1645423376532',
        "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    ),
    (
        '"symbol":"１２３４５６","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"1.00000000",'
        '"price":"0.10000000","recvWindow":5000,"timestamp":1645423376532',
        "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
    ),
]
WS_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


@pytest.mark.parametrize(("query", "signature"), REST_VECTORS)
def test_published_rest_signatures_are_genuine(query: str, signature: str) -> None:
    verify = hmac_verifier(SECRET)
    for sent in (
        read_http(f"{query}&signature={signature}".encode(), b""),
        read_http(b"", f"signature={signature.upper()}&{query}".encode()),
        read_http(f"signature={signature}".encode(), query.encode()),
    ):
        assert sent.signature is not None
        assert verify(sent.signed_text(), sent.signature)


@pytest.mark.parametrize(("params", "signature"), WS_VECTORS)
def test_published_websocket_signatures_are_genuine(params: str, signature: str) -> None:
    raw = f'{{"id":1,"method":"order.place","params":{{"signature":"{signature}",{params},"apiKey":"{WS_KEY}"}}}}'
    sent = read_frame(raw).sent
    assert sent.signature is not None
    assert hmac_verifier(SECRET)(sent.signed_text(), sent.signature)


def test_a_query_split_over_query_and_body_is_signed_glued() -> None:
    query, body = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC", b"quantity=1&price=0.1&timestamp=1499827319559"
    signature = hmac.new(SECRET.encode(), query + body, hashlib.sha256).hexdigest()
    sent = read_http(query, body + b"&signature=" + signature.encode())
    assert hmac_verifier(SECRET)(sent.signed_text(), signature)


def test_every_changed_byte_breaks_the_signature() -> None:
    query, signature = REST_VECTORS[0]
    verify = hmac_verifier(SECRET)
    for position in range(len(query)):
        changed = query[:position] + chr(ord(query[position]) ^ 1) + query[position + 1 :]
        assert not verify(changed.encode(), signature)


MUTANTS = {
    "plus for escape": (b"a=x%2By", b"a=x+y"),
    "space escaped otherwise": (b"a=x+y", b"a=x%20y"),
    "escape in capitals": (b"a=x%2fy", b"a=x%2Fy"),
    "escape of a plain letter": (b"a=xy", b"a=x%79"),
    "other order": (b"a=1&b=2", b"b=2&a=1"),
    "name added": (b"a=1", b"a=1&b=2"),
    "name twice": (b"a=1", b"a=1&a=1"),
    "empty value": (b"a=1", b"a=1&b="),
    "trailing separator": (b"a=1", b"a=1&"),
    "leading separator": (b"a=1", b"&a=1"),
    "other normal form": ("a=é".encode(), "a=e\u0301".encode()),
    "other case of a name": (b"a=1", b"A=1"),
}


@pytest.mark.parametrize("what", MUTANTS)
def test_a_request_written_otherwise_needs_another_signature(what: str) -> None:
    signed, mutant = MUTANTS[what]
    signature = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    verify = hmac_verifier(SECRET)
    assert verify(signed, signature)
    assert not verify(mutant, signature)


BAD_HEX = ["", "0" * 63, "0" * 65, "g" * 64, "０" * 64, " " + "0" * 63, "0x" + "0" * 62, "\u0130" * 64]


@pytest.mark.parametrize("signature", BAD_HEX)
def test_what_is_no_hex_digest_is_not_genuine(signature: str) -> None:
    assert not hmac_verifier(SECRET)(b"", signature)


def pem(key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return raw.decode()


ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def encoded(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


def test_ed25519_signatures_are_checked() -> None:
    kind, verify = public_key_verifier(pem(ED25519.public_key()))
    signature = encoded(ED25519.sign(b"text"))
    assert kind is KeyKind.ED25519
    assert [verify(b"text", signature), verify(b"Text", signature)] == [True, False]
    assert [verify(b"text", bad) for bad in ("", "!", signature[:-4], signature.swapcase(), "A" * 2000)] == [False] * 5


def test_the_published_ed25519_signature_is_genuine() -> None:
    private = serialization.load_der_private_key(
        base64.b64decode("MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u"), None
    )
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    _, verify = public_key_verifier(pem(private.public_key()))
    fields = "\x01".join(["A", "EXAMPLE", "SPOT", "1", "20240627-11:17:25.223"])
    genuine = "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
    assert verify(fields.encode(), genuine)


def test_ed25519_is_strict_about_the_scalar() -> None:
    """S + L verifies in loose implementations, so that one signature would have two spellings."""
    order = 2**252 + 27742317777372353535851937790883648493
    raw = ED25519.sign(b"text")
    forged = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    _, verify = public_key_verifier(pem(ED25519.public_key()))
    assert not verify(b"text", encoded(forged))


@pytest.mark.parametrize("first_byte", [0, 1])
def test_ed25519_keys_of_small_order_are_refused(first_byte: int) -> None:
    weak = ed25519.Ed25519PublicKey.from_public_bytes(bytes([first_byte]) + bytes(31))
    with pytest.raises(KeyRefused, match="signatures that nobody made"):
        public_key_verifier(pem(weak))


def test_rsa_signatures_are_checked_in_one_scheme_only() -> None:
    kind, verify = public_key_verifier(pem(RSA.public_key()))
    digest = hashes.SHA256()
    plain = encoded(RSA.sign(b"text", padding.PKCS1v15(), digest))
    probabilistic = encoded(RSA.sign(b"text", padding.PSS(padding.MGF1(digest), 32), digest))
    weaker = encoded(RSA.sign(b"text", padding.PKCS1v15(), hashes.SHA1()))
    assert kind is KeyKind.RSA
    assert [verify(b"text", text) for text in (plain, probabilistic, weaker, "", plain[:-8])] == [True] + [False] * 4


def test_a_public_key_is_no_secret() -> None:
    """HMAC made with the public key as secret opens nothing: the stored key chooses the algorithm."""
    for key in (ED25519.public_key(), RSA.public_key()):
        text = pem(key)
        _, verify = public_key_verifier(text)
        assert not verify(b"text", hmac.new(text.encode(), b"text", hashlib.sha256).hexdigest())


def test_weak_and_foreign_keys_are_refused() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    private = RSA.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    for text, why in (
        (pem(small), "2048 to 4096 bits, this one has 1024"),
        (pem(curve), "only RSA and Ed25519"),
        (private, "not a public key"),
        ("", "not a public key"),
    ):
        with pytest.raises(KeyRefused, match=why):
            public_key_verifier(text)


def key(*networks: str) -> ApiKey:
    return ApiKey(
        "k", KeyKind.HMAC, 1, "", read_permissions(("TRADE",)), read_networks(networks), 0, hmac_verifier("s")
    )


def test_addresses_are_allowed_by_network() -> None:
    listed = key("10.0.0.0/8", "192.168.1.5", "2001:db8::/32")
    addresses = ["10.1.2.3", "192.168.1.5", "192.168.1.6", "2001:db8::1", "2001:db9::1", "::ffff:10.0.0.1", "", "x"]
    assert [listed.allows_address(a) for a in addresses] == [True, True, False, True, False, True, False, False]
    assert key().allows_address("")


def test_networks_and_permissions_are_read_strictly() -> None:
    for text in ("10.0.0.1/8", "300.0.0.1", "a", ""):
        with pytest.raises(KeyRefused):
            read_networks((text,))
    with pytest.raises(KeyRefused, match="there are USER_DATA and TRADE"):
        read_permissions(("ADMIN",))
    with pytest.raises(KeyRefused, match="at least one"):
        read_permissions(())


def test_a_key_is_not_shown_with_its_verifier() -> None:
    assert "verify" not in repr(key())

"""Settings: what is set wins, what cannot be used is named with its remedy, secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.settings import Settings, get_settings
from hadron_tasks.venues.kalshi.signing import KalshiSigner, load_private_key, verify_signature


def test_defaults_need_no_environment() -> None:
    settings = get_settings()
    assert settings.venues == ["kalshi", "polygon"]
    assert settings.kalshi_ws_address == "wss://external-api-ws.kalshi.com/trade-api/ws/v2"
    assert settings.kalshi_keys() == ()


def test_environment_and_env_file_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("HADRON_VENUES=kalshi\nKALSHI_ENV=demo\nPOLYGON_API_KEY=pk\n")
    monkeypatch.setenv("HADRON_KALSHI_BOOKS", "KXFED, KXBTCD ,")
    settings = Settings()
    assert settings.venues == ["kalshi"]
    assert settings.kalshi_env == "demo"
    assert settings.kalshi_books == ["KXFED", "KXBTCD"]
    assert "demo" in settings.kalshi_ws_address
    assert settings.polygon_api_key is not None
    assert settings.polygon_api_key.get_secret_value() == "pk"


def test_keys_are_found_in_slot_order_with_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    for slot in (10, 2):
        monkeypatch.setenv(f"KALSHI_API_KEY_{slot}", f"id-{slot}")
        monkeypatch.setenv(f"KALSHI_PRIVATE_KEY_{slot}_PATH", f"/keys/{slot}.pem")
    assert [(key.slot, key.key_id) for key in Settings().kalshi_keys()] == [
        (2, "id-2"),
        (10, "id-10"),
    ]


@pytest.mark.parametrize(
    ("set_variable", "named_variable"),
    [
        ("KALSHI_API_KEY_3", "KALSHI_PRIVATE_KEY_3_PATH"),
        ("KALSHI_PRIVATE_KEY_3_PATH", "KALSHI_API_KEY_3"),
    ],
)
def test_half_a_key_is_named(
    monkeypatch: pytest.MonkeyPatch, set_variable: str, named_variable: str
) -> None:
    monkeypatch.setenv(set_variable, "something")
    with pytest.raises(ConfigurationError, match=f"Set (it|{named_variable})"):
        Settings().kalshi_keys()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KALSHI_ENV", "prod"),
        ("HADRON_DRAIN_BATCH", "many"),
        ("HADRON_DRAIN_BATCH", "0"),
        ("HADRON_LOG_FORMAT", "xml"),
    ],
)
def test_an_unusable_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable):
        get_settings()


def test_the_simulator_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALSHI_ENV", "simulator")
    with pytest.raises(ConfigurationError, match="HADRON_KALSHI_WS_URL"):
        _ = Settings().kalshi_ws_address


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYGON_API_KEY", "s3cret")
    monkeypatch.setenv("HADRON_REDIS_URL", "redis://:s3cret@localhost/0")
    monkeypatch.setenv("HADRON_DATABASE_URL", "postgresql://u:s3cret@localhost/h")
    assert "s3cret" not in repr(Settings())
    assert "s3cret" not in str(Settings().model_dump())


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
    passphrase: bytes | None = None,
) -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "does not exist"),
        (b"", "no PEM private key"),
        (b"\x00\xff garbage", "no PEM private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no PEM private key"),
        (pem(RSA_KEY, passphrase=b"pass"), "passphrase"),
        (
            pem(RSA_KEY, serialization.PrivateFormat.TraditionalOpenSSL, b"pass"),
            "passphrase",
        ),
        (pem(ec.generate_private_key(ec.SECP256R1())), "RSA"),
    ],
    ids=["none", "empty", "garbage", "no key in it", "encrypted", "encrypted, old form", "no RSA"],
)
def test_a_key_that_cannot_be_used_names_variable_and_remedy(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        load_private_key(path, "KALSHI_PRIVATE_KEY_1_PATH")
    assert str(caught.value).startswith("KALSHI_PRIVATE_KEY_1_PATH names ")


def test_a_directory_in_place_of_a_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_private_key(tmp_path, "KALSHI_PRIVATE_KEY_1_PATH")


@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_a_signature_verifies_and_covers_time_method_and_path(
    tmp_path: Path, form: serialization.PrivateFormat
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem(RSA_KEY, form))
    signer = KalshiSigner("kalshi-1", "key-id", load_private_key(path, "X"))
    headers = signer.headers("GET", "/trade-api/v2/markets?limit=5", 1_700_000_000_000)
    assert headers["KALSHI-ACCESS-KEY"] == "key-id"
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1700000000000"
    signature = headers["KALSHI-ACCESS-SIGNATURE"]
    public = RSA_KEY.public_key()
    good = ("1700000000000", "GET", "/trade-api/v2/markets")
    assert verify_signature(public, signature, *good)
    for index, other in enumerate(("1700000000001", "POST", "/trade-api/v2/events")):
        changed = [*good[:index], other, *good[index + 1 :]]
        assert not verify_signature(public, signature, *changed)
    assert not verify_signature(public, "not base64!", *good)
    assert "key-id" not in repr(signer)

"""A passkey in plain software: makes and signs what a browser would send, so that every branch can be tried."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

FLAG = AuthenticatorData.FLAG
PRESENT_AND_VERIFIED = FLAG.UP | FLAG.UV


@dataclass
class SoftPasskey:
    """One credential of one site. `counter` rises with each use, as a security key's does."""

    host: str = "testserver"
    origin: str = "https://testserver"
    identifier: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    counter: int = 0
    user_handle: bytes = b""

    def made(self, options: dict[str, Any], flags: int = PRESENT_AND_VERIFIED) -> str:
        """The answer to navigator.credentials.create()."""
        wanted = options["publicKey"]
        self.user_handle = websafe_decode(wanted["user"]["id"])
        public = ES256.from_cryptography_key(self.key.public_key())
        held = AttestedCredentialData.create(b"\0" * 16, self.identifier, public)
        about = AuthenticatorData.create(self._host_hash, flags | FLAG.AT, self.counter, held)
        attested = AttestationObject.create("none", about, {})
        return self._answer(
            {
                "clientDataJSON": websafe_encode(self._client("webauthn.create", wanted["challenge"])),
                "attestationObject": websafe_encode(bytes(attested)),
            }
        )

    def used(self, options: dict[str, Any], flags: int = PRESENT_AND_VERIFIED) -> str:
        """The answer to navigator.credentials.get()."""
        self.counter += 1
        about = AuthenticatorData.create(self._host_hash, flags, self.counter)
        client = self._client("webauthn.get", options["publicKey"]["challenge"])
        signed = bytes(about) + hashlib.sha256(client).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {
                "clientDataJSON": websafe_encode(client),
                "authenticatorData": websafe_encode(bytes(about)),
                "signature": websafe_encode(signature),
                "userHandle": websafe_encode(self.user_handle),
            }
        )

    @property
    def _host_hash(self) -> bytes:
        return hashlib.sha256(self.host.encode()).digest()

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, response: dict[str, str]) -> str:
        identifier = websafe_encode(self.identifier)
        return json.dumps(
            {
                "type": "public-key", "id": identifier, "rawId": identifier, "response": response,
                "clientExtensionResults": {},
            }
        )  # fmt: skip

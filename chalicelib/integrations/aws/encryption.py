"""AES-GCM under the stage's data key: short secrets that have to be at hand within a request.

A call to Secrets Manager for each would cost the second that some senders give, and money. The
data key is a parameter of Systems Manager, which costs nothing to keep.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from functools import cached_property
from typing import Any

from botocore.config import Config
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chalicelib import aws_session

NONCE_BYTES = 12
PATIENT = Config(retries={"total_max_attempts": 7, "mode": "standard"})
"""Parameter Store answers 40 reads a second. A burst of requests may start more processes."""


class StageEncryption:
    """Seals with one key per stage, read once per process."""

    def __init__(self, parameter: str, region: str) -> None:
        self._parameter = parameter
        self._region = region

    @cached_property
    def _key(self) -> str:
        client = aws_session.make_client("ssm", region_name=self._region, config=PATIENT)
        answer = client.get_parameter(Name=self._parameter, WithDecryption=True)
        key: str = answer["Parameter"]["Value"]
        return key

    @cached_property
    def _cipher(self) -> Any:
        return AESGCM(hashlib.sha256(self._key.encode()).digest())

    def sign_text(self, text: str) -> str:
        """Return the signature of a text, under a key of its own."""
        key = hashlib.sha256(b"sign#" + self._key.encode()).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def encrypt_secret(self, secret: str, about: str) -> str:
        """Return `secret` sealed; it opens only for the thing it is about."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), about.encode())
        return base64.b64encode(nonce + sealed).decode()

    def decrypt_secret(self, sealed: str, about: str) -> str:
        """Return what was sealed."""
        raw = base64.b64decode(sealed)
        opened: bytes = self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], about.encode())
        return opened.decode()

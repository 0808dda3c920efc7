"""Amazon SNS: verifies what it signed, and confirms subscriptions to its topics."""

from __future__ import annotations

import base64
import binascii
import threading
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from chalicelib.domain.egress import ForbiddenTarget
from chalicelib.domain.errors import RateLimited
from chalicelib.domain.triggers.sns_message import SignedMessage
from chalicelib.integrations.http import guarded

TIMEOUT_SECONDS = (2, 5)
MAX_CERTIFICATES = 32
MAX_CERTIFICATE_BYTES = 64 * 1024
RETRY_AFTER = timedelta(seconds=20)
HASHES: dict[str, hashes.HashAlgorithm] = {
    # SNS signs with SHA-1 unless the topic says otherwise; a forger would need a second preimage.
    "1": hashes.SHA1(),
    "2": hashes.SHA256(),
}


class SnsVerifier:
    """Verifies messages with the certificates of Amazon SNS, each fetched once per process."""

    def __init__(self) -> None:
        self._certificates: OrderedDict[str, x509.Certificate] = OrderedDict()
        self._lock = threading.Lock()

    def is_authentic(self, message: SignedMessage) -> bool:
        """Return whether Amazon SNS signed a message whose certificate URL was checked."""
        algorithm = HASHES.get(message.version)
        if algorithm is None:
            return False
        certificate = self._certificate(message.certificate_url)
        if certificate is None:
            return False
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        try:
            signature = base64.b64decode(message.signature, validate=True)
            key.verify(signature, message.text, padding.PKCS1v15(), algorithm)
        except (binascii.Error, ValueError, InvalidSignature):
            return False
        return True

    def _certificate(self, url: str) -> x509.Certificate | None:
        """Return the certificate at a URL while it is valid, None where there is none there."""
        with self._lock:
            certificate = self._certificates.get(url)
        if certificate is None:
            certificate = _fetch_certificate(url)
        now = datetime.now(UTC)
        if (
            certificate is None
            or not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        ):
            return None
        with self._lock:
            self._certificates[url] = certificate
            while len(self._certificates) > MAX_CERTIFICATES:
                self._certificates.popitem(last=False)
        return certificate

    def confirm_subscription(self, url: str) -> bool:
        """Confirm a subscription at an address of Amazon SNS; return whether it took it."""
        return _get(url).status_code == requests.codes.ok


def _fetch_certificate(url: str) -> x509.Certificate | None:
    answer = _get(url)
    if answer.status_code != requests.codes.ok or len(answer.content) > MAX_CERTIFICATE_BYTES:
        return None
    try:
        return x509.load_pem_x509_certificate(answer.content)
    except ValueError:
        return None


def _get(url: str) -> requests.Response:
    """Return an answer of Amazon SNS. While it cannot be reached, the sender has to try again."""
    try:
        with guarded.make_session() as session:
            answer = session.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except (ForbiddenTarget, requests.RequestException) as error:
        raise RateLimited(RETRY_AFTER) from error
    if answer.status_code == requests.codes.too_many_requests or answer.status_code >= 500:
        raise RateLimited(RETRY_AFTER)
    return answer

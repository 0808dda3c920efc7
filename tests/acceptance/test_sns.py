"""Amazon SNS: signatures by its certificates, topics that may deliver, and subscriptions."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from requests.adapters import BaseAdapter

from chalicelib import wiring
from chalicelib.domain.triggers.sns_message import SIGNED_FIELDS
from chalicelib.integrations.aws.sns import SnsVerifier
from chalicelib.integrations.http import guarded as guarded_http
from tests.conftest import Stage
from tests.support.signed_deliveries import blueprint

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
HASHES = {"1": hashes.SHA1(), "2": hashes.SHA256()}


@dataclass
class Amazon(BaseAdapter):
    """The hosts of Amazon SNS behind our guarded client: its certificate, and its API."""

    key: rsa.RSAPrivateKey
    certificate: bytes
    status: int = 200
    asked: list[str] = field(default_factory=list)

    def send(self, request: Any, **named: Any) -> requests.Response:
        assert not named.get("allow_redirects")
        self.asked.append(request.url)
        answer = requests.Response()
        answer.url, answer.request, answer.status_code = request.url, request, self.status
        answer._content = self.certificate if request.url == CERTIFICATE else b"<ok/>"
        if "pem" in request.url and request.url != CERTIFICATE:
            answer.status_code = 404
        return answer

    def close(self) -> None:
        pass

    def message(self, kind: str = "Notification", version: str = "1", **more: str) -> bytes:
        """Return a message as SNS signs it; what is among `more` and no field breaks it."""
        told = {
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Message": "It broke: été",
            "Timestamp": "2026-05-04T12:00:00.000Z",
            "SignatureVersion": version,
            "SigningCertURL": CERTIFICATE,
        }
        if kind != "Notification":
            query = {"Action": "ConfirmSubscription", "TopicArn": TOPIC, "Token": "t0"}
            told |= {"Token": "t0", "SubscribeURL": f"{HOST}/?{urlencode(query)}"}
        told |= more
        text = "".join(f"{name}\n{told[name]}\n" for name in SIGNED_FIELDS[kind] if name in told)
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), HASHES[version])
        told["Signature"] = base64.b64encode(signature).decode()
        return json.dumps(told).encode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate_of(key: rsa.RSAPrivateKey, until: timedelta = timedelta(days=30)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + until)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def amazon(stage: Stage, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> Amazon:
    made = Amazon(key=key, certificate=certificate_of(key))
    monkeypatch.setattr(wiring.get_world(), "sns", SnsVerifier())

    def session() -> requests.Session:
        guarded = guarded_http.guard_session(requests.Session())
        guarded.mount("https://", made)
        return guarded

    monkeypatch.setattr("chalicelib.integrations.aws.sns.guarded.make_session", session)
    return made


def hook(stage: Stage, **more: Any) -> str:
    """Make a webhook for the topic; return the id of its task."""
    body = blueprint(signature="sns", topicArns=[TOPIC], **more)
    del body["triggers"][0]["config"]["secret"]
    made: str = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    return made


def post(stage: Stage, body: bytes) -> tuple[int, Any]:
    told = {"Content-Type": "text/plain; charset=UTF-8"}
    return stage.call("POST", "/api/hooks/alerts", body, token="", **told)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "ALARM: web"}])
def test_a_notification_fires_once_and_its_certificate_is_fetched_once(
    stage: Stage, amazon: Amazon, version: str, more: dict[str, str]
):
    task = hook(stage, paramMapping={"title": "$.Message"})
    body = amazon.message(version=version, **more)
    status, first = post(stage, body)
    assert status == 202, first
    assert post(stage, body) == (200, {"skipped": "duplicate", **first})
    run = stage.ok("GET", f"/api/tasks/{first['runId']}")["task"]
    assert run["prompt"] == "Look at It broke: été."
    assert amazon.asked == [CERTIFICATE]
    (firing,) = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert firing["occurrence"] == "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"


def test_an_alarm_of_cloudwatch_arrives_as_an_object(stage: Stage, amazon: Amazon):
    hook(stage, paramMapping={"title": "$.Message.AlarmName"}, filter="Message.State == 'ALARM'")
    alarm = json.dumps({"AlarmName": "web-5xx", "State": "ALARM"})
    answer = post(stage, amazon.message(Message=alarm))[1]
    run = stage.ok("GET", f"/api/tasks/{answer['runId']}")["task"]
    assert run["prompt"] == "Look at web-5xx."


@pytest.mark.parametrize(
    "change",
    [
        {"Message": "another"},
        {"Subject": "one that was not signed"},
        {"MessageId": "another"},
        {"SignatureVersion": "2"},
        {"SignatureVersion": "3"},
        {"Signature": "AAAA"},
        {"Signature": "²"},
        {"Type": "SubscriptionConfirmation"},
        {"Type": "Strange"},
        {"TopicArn": TOPIC.replace("alarms", "others")},
        {"Message": 5},
    ],
)
def test_a_message_that_was_changed_is_refused(
    stage: Stage, amazon: Amazon, change: dict[str, Any]
):
    task = hook(stage)
    body = json.dumps({**json.loads(amazon.message()), **change}).encode()
    assert post(stage, body)[0] == 401
    assert stage.ok("GET", f"/api/tasks/{task}/firings")["firings"] == []


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE.replace("https", "http"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com.example.org"),
        CERTIFICATE.replace("sns.eu-west-1", "sns.us-east-1"),
        CERTIFICATE.replace("sns.", "s3."),
        CERTIFICATE.replace("https://", "https://example.org@"),
        CERTIFICATE.replace(".com/", ".com:8443/"),
        CERTIFICATE.replace("https://", "https://example.org\\@"),
        f"{HOST}/?Action=Publish",
        f"{CERTIFICATE}?x=1",
        "https://[::1]/x.pem",
        "",
    ],
)
def test_no_certificate_is_fetched_from_elsewhere(stage: Stage, amazon: Amazon, url: str):
    hook(stage)
    assert post(stage, amazon.message(SigningCertURL=url))[0] == 401
    assert amazon.asked == []


def test_a_topic_that_is_not_named_is_refused_before_anything_is_fetched(
    stage: Stage, amazon: Amazon
):
    hook(stage)
    other = TOPIC.replace("123456789012", "999999999999")
    assert post(stage, amazon.message(TopicArn=other))[0] == 401
    assert amazon.asked == []


def test_another_key_and_an_expired_certificate_are_refused(stage: Stage, amazon: Amazon):
    hook(stage)
    amazon.certificate = certificate_of(amazon.key, until=timedelta(days=-1))
    assert post(stage, amazon.message())[0] == 401
    amazon.certificate = certificate_of(rsa.generate_private_key(65537, 2048))
    assert post(stage, amazon.message())[0] == 401
    amazon.certificate = b"no certificate"
    assert post(stage, amazon.message())[0] == 401


def test_while_amazon_cannot_be_reached_the_message_has_to_come_again(stage: Stage, amazon: Amazon):
    hook(stage)
    amazon.status = 503
    status, _ = post(stage, amazon.message())
    assert status == 429
    amazon.status = 200
    assert post(stage, amazon.message())[0] == 202


def test_a_subscription_of_a_named_topic_is_confirmed_and_fires_nothing(
    stage: Stage, amazon: Amazon
):
    task = hook(stage)
    body = amazon.message("SubscriptionConfirmation")
    assert post(stage, body) == (200, {"confirmed": TOPIC})
    assert amazon.asked == [CERTIFICATE, json.loads(body)["SubscribeURL"]]
    ended = amazon.message("UnsubscribeConfirmation", MessageId="u-1")
    assert post(stage, ended)[1]["skipped"] == "ping"
    assert stage.ok("GET", f"/api/tasks/{task}/runs")["runs"] == []


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}/?Action=DeleteTopic&TopicArn={TOPIC}",
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}x",
        f"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        f"https://example.org/?Action=ConfirmSubscription&TopicArn={TOPIC}",
    ],
)
def test_nothing_but_a_confirmation_of_that_topic_is_called(stage: Stage, amazon: Amazon, url: str):
    hook(stage)
    assert post(stage, amazon.message("SubscriptionConfirmation", SubscribeURL=url))[0] == 409
    assert amazon.asked == [CERTIFICATE]


def test_an_old_message_is_refused(stage: Stage, amazon: Amazon):
    hook(stage)
    stage.now = datetime(2026, 5, 5, 11, 59, tzinfo=UTC)
    assert post(stage, amazon.message())[0] == 202
    stage.now += timedelta(minutes=2)
    assert post(stage, amazon.message(MessageId="another"))[0] == 401


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"topicArns": []}, "topicArns"),
        ({"topicArns": ["alarms"]}, "topicArns.0"),
        ({"topicArns": [TOPIC] * 21}, "topicArns"),
        ({"topicArns": [TOPIC], "secret": "a secret of sixteen"}, "secret"),
        ({"topicArns": [TOPIC], "signature": "optio"}, "topicArns"),
    ],
)
def test_a_webhook_of_sns_names_its_topics_and_has_no_secret(
    stage: Stage, change: dict[str, Any], named: str
):
    body = blueprint(signature="sns")
    del body["triggers"][0]["config"]["secret"]
    body["triggers"][0]["config"] |= change
    status, answer = stage.call("POST", "/api/tasks", body)
    assert status == 400, answer
    assert [one["field"] for one in answer["details"]] == [f"triggers.0.config.{named}"]

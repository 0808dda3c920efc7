"""Signed deliveries of each webhook sender."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from tests.conftest import Stage

SECRET = "a secret of sixteen"
STANDARD = "whsec_" + base64.b64encode(b"a standard secret").decode()


def blueprint(**hook: Any) -> dict[str, Any]:
    mapping = hook.pop("paramMapping", None)
    return {
        "type": "standalone",
        "name": "Alert",
        "prompt": "Look at {{title}}.",
        "agentType": "command",
        "agentCommand": "true",
        "triggers": [
            {
                "type": "webhook",
                "config": {"path": "alerts", "secret": SECRET, **hook},
                "paramMapping": mapping,
            }
        ],
    }


def made(stage: Stage, **hook: Any) -> dict[str, Any]:
    answer = stage.ok("POST", "/api/tasks", blueprint(**hook))
    return {"task": answer["task"]["id"], "trigger": answer["triggers"][0]}


def mac(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(preset: str, body: bytes, at: int, number: int = 1) -> dict[str, str]:
    """Return the headers with which a sender of this kind signs."""
    name = f"delivery-{number}"
    if preset == "standard-webhooks":
        return {
            "webhook-id": name,
            "webhook-timestamp": str(at),
            "webhook-signature": standard(name, at, body),
        }
    stripe = mac(f"{at}.".encode() + body)
    slack = mac(f"v0:{at}:".encode() + body)
    return {
        "optio": {"X-Optio-Signature": f"sha256={mac(body)}", "X-Optio-Delivery": name},
        "github": {
            "X-Hub-Signature-256": f"sha256={mac(body)}",
            "X-GitHub-Delivery": name,
            "X-GitHub-Event": "issues",
        },
        "gitlab": {"X-Gitlab-Token": SECRET, "X-Gitlab-Event-UUID": name},
        "sentry": {
            "Sentry-Hook-Signature": mac(body),
            "Request-ID": name,
            "Sentry-Hook-Resource": "issue",
        },
        "linear": {"Linear-Signature": mac(body), "Linear-Delivery": name},
        "jira": {"X-Hub-Signature": f"sha256={mac(body)}", "X-Atlassian-Webhook-Identifier": name},
        "stripe": {"Stripe-Signature": f"t={at},v0=ignored,v1={stripe}"},
        "slack": {"X-Slack-Signature": f"v0={slack}", "X-Slack-Request-Timestamp": str(at)},
        "pagerduty": {"X-PagerDuty-Signature": f"v1=0000,v1={mac(body)}"},
        "notion": {"X-Notion-Signature": f"sha256={mac(body)}"},
        "bitbucket": {"X-Hub-Signature": f"sha256={mac(body)}", "X-Request-UUID": name},
        "gitea": {"X-Gitea-Signature": mac(body), "X-Gitea-Delivery": name},
        "azure-devops": {"Authorization": f"Basic {basic('optio', SECRET)}"},
        "sns": {"X-Amz-Sns-Message-Type": "Notification"},
        "cloudevents": {
            "Authorization": f"Bearer {SECRET}",
            "ce-id": name,
            "ce-source": "/tests",
            "ce-type": "test",
            "ce-specversion": "1.0",
        },
        "eventgrid": {"Authorization": f"Bearer {SECRET}"},
        "token": {"Authorization": f"Bearer {SECRET}", "X-Optio-Delivery": name},
    }[preset]


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def standard(name: str, at: int, body: bytes) -> str:
    key = base64.b64decode(STANDARD.removeprefix("whsec_"))
    message = f"{name}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def post(stage: Stage, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    return stage.call("POST", "/api/hooks/alerts", body, token="", **headers)


def now(stage: Stage) -> int:
    return int(stage.now.timestamp())


def secret_of(preset: str) -> str:
    return STANDARD if preset == "standard-webhooks" else SECRET


NAMED_BY_TOKEN = ("gitlab", "token", "cloudevents", "eventgrid", "azure-devops")
"""Senders that carry a secret and sign nothing."""

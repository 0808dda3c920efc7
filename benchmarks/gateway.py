"""Requests as API Gateway hands them to the API's function."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

HOOK = "/api/hooks/{path}"
SECRET = "a secret of benchmarks"


def event(
    method: str, resource: str, body: bytes, headers: Mapping[str, str], **path: str
) -> dict[str, Any]:
    """Return the event of one request of a resource."""
    url_path = resource.format(**path)
    return {
        "resource": resource,
        "path": url_path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", **headers},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": dict(path),
        "stageVariables": None,
        "requestContext": {"resourcePath": resource, "httpMethod": method, "path": url_path},
        "body": base64.b64encode(body).decode() or None,
        "isBase64Encoded": bool(body),
    }


def make_delivery(path: str, number: int, *, with_id: bool = True) -> dict[str, Any]:
    """Return the event of a signed delivery that is like no other number."""
    body = json.dumps({"action": "opened", "number": number, "title": f"Alert {number}"}).encode()
    headers = {"X-Optio-Signature": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}
    if with_id:
        headers["X-Optio-Delivery"] = f"delivery-{number}"
    return event("POST", HOOK, body, headers, path=path)


class Api:
    """The API's function, called in this very process."""

    def __init__(self, app: Callable[[Any, Any], Any], token: str) -> None:
        self._app = app
        self._token = token

    def post(self, resource: str, body: object) -> Any:
        """Post as an admin; return the answer, which has to be a success."""
        headers = {"Authorization": f"Bearer {self._token}"}
        return self.send(event("POST", resource, json.dumps(body).encode(), headers))

    def put(self, resource: str, body: object, **path: str) -> Any:
        """Put as an admin; return the answer, which has to be a success."""
        headers = {"Authorization": f"Bearer {self._token}"}
        return self.send(event("PUT", resource, json.dumps(body).encode(), headers, **path))

    def send(self, request: dict[str, Any]) -> Any:
        """Return the answer to an event, which has to be a success."""
        answer = self._app(request, None)
        if answer["statusCode"] >= 300:
            raise RuntimeError(
                f"{request['path']} answered {answer['statusCode']} {answer['body']}"
            )
        return json.loads(answer["body"]) if answer["body"] else None


def blueprint(*triggers: dict[str, Any]) -> dict[str, Any]:
    """Return a typical blueprint, small enough for rows of one kilobyte."""
    return {
        "type": "repo-blueprint",
        "name": "Patch what is known to be vulnerable",
        "repoUrl": "https://github.com/acme/storefront-web",
        "prompt": "Look for known vulnerabilities in what we depend on, and mend the worst one.",
        "triggers": list(triggers),
    }


def minutely() -> dict[str, Any]:
    return {"type": "schedule", "config": {"cronExpression": "* * * * *"}}


def hourly(moment: datetime) -> dict[str, Any]:
    """Return a schedule of which nothing but `moment` is due within the hour."""
    return {"type": "schedule", "config": {"cronExpression": f"{moment.minute} * * * *"}}


def webhook_trigger(path: str) -> dict[str, Any]:
    return {"type": "webhook", "config": {"path": path, "secret": SECRET}}

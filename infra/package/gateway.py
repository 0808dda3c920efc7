"""The gateway: its bounds, its own answers, and the paths that it passes to the function.

As resources of their own, such answers would be made beside the deployment, which keeps what is
there at its own moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.settings import settings
from chalicelib.web.fallback import CATCH_ALL
from chalicelib.web.http import headers

Definition = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
SECURITY_HEADERS = {**headers.COMMON_HEADERS, "Content-Security-Policy": "sandbox"}
"""Those of every answer. The policy has no quotes, which the gateway's notation cannot hold."""
SAID = '{"error": $context.error.messageString, "details": []}'


def gateway_bounds() -> Definition:
    """Return what chalice leaves out of the API: bounds of all methods, and no second stage.

    SAM adds a public stage with the name `Stage`, unless the version of the document is named.
    """
    bounds = {
        "ResourcePath": "/*",
        "HttpMethod": "*",
        "ThrottlingRateLimit": settings.request_rate,
        "ThrottlingBurstLimit": settings.request_burst,
    }
    return {"Properties": {"MethodSettings": [bounds], "OpenApiVersion": "2.0"}}


def completed(api: Definition, name: str) -> Definition:
    """Return chalice's OpenAPI document with our name, `HEAD`, bodies as bytes and a catch-all."""
    paths = {path: _with_head(methods) for path, methods in api["paths"].items()}
    return {
        **api,
        "info": {**api["info"], "title": name},
        "paths": {**paths, CATCH_ALL: _strays(api["paths"])},
        "x-amazon-apigateway-gateway-responses": _own(),
        # As text a body would lose its bytes that are not UTF-8, and then no signature holds.
        # Chalice's own list stays in the function, which answers with text alone.
        "x-amazon-apigateway-binary-media-types": ["*/*"],
    }


def _with_head(methods: Definition) -> Definition:
    """Pass `HEAD` of each path that takes `GET` to the function, which answers it alike."""
    return {**methods, "head": methods["get"]} if "get" in methods else methods


def _strays(paths: Definition) -> Definition:
    """Pass each unknown path and method to the function, whether or not the request is signed."""
    like = paths["/api/health"]["get"]
    proxy = {"in": "path", "name": "proxy", "required": True, "type": "string"}
    taken = {**like, "summary": "Refuse what there is not.", "parameters": [proxy]}
    return dict.fromkeys(METHODS, taken)


def _own() -> Definition:
    """Return the answers that come before the function is asked, in the form of all the others."""
    throttled = _sent({"Retry-After": "1"})
    # Also the answer for a function without a free place, which is a 500 by default.
    busy = "no answer at the moment: send the request again"
    return {
        "INTEGRATION_FAILURE": {
            **_answer(_said(busy), "503"),
            "responseParameters": _sent(SECURITY_HEADERS) | _sent({"Retry-After": "2"}),
        },
        "DEFAULT_4XX": _answer(SAID),
        "DEFAULT_5XX": _answer(SAID),
        "MISSING_AUTHENTICATION_TOKEN": _answer(_said("no such path"), "404"),
        "REQUEST_TOO_LARGE": _answer(_said("at most 1 MiB"), "413"),
        "THROTTLED": {
            **_answer(SAID, "429"),
            "responseParameters": _sent(SECURITY_HEADERS) | throttled,
        },
    }


def _said(text: str) -> str:
    return f'{{"error": "{text}", "details": []}}'


def _answer(body: str, status: str | None = None) -> Definition:
    code = {"statusCode": status} if status else {}
    return {
        **code,
        "responseParameters": _sent(SECURITY_HEADERS),
        "responseTemplates": {"application/json": body},
    }


def _sent(names: Mapping[str, str]) -> Definition:
    """Return headers in the gateway's own notation, which puts a fixed text in quotes."""
    return {f"gatewayresponse.header.{name}": f"'{text}'" for name, text in names.items()}

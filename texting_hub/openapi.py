"""What every operation of the OpenAPI document has: problem documents for its errors, the app version header; the docs.

Views describe only what is their own. `manage.py spectacular --validate --fail-on-warn` stays silent (tested).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularSwaggerSplitView

from provisioning.client_version import HEADER
from provisioning.tokens import SCOPES
from texting_hub.api import PROBLEM_TYPE

METHODS: Final = ("get", "put", "post", "patch", "delete")
STATUSES: Final = {
    "400": "Not understood: malformed, or fields that are not valid (`errors` lists them).",
    "401": "Nobody is signed in, or the token is not valid.",
    "403": "The role, or the token's scope, does not include this.",
    "404": "Not there, or not the caller's to see.",
    "406": "The caller accepts no JSON.",
    "409": "Conflicts with what is there: changed meanwhile, still in use, or an Idempotency-Key with another body.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "Understood and refused; `code` says why, `title` in words.",
    "426": "The Webex app is too old; `minimum` is the version it takes.",
    "429": "Too many requests; Retry-After says how many seconds to wait.",
    "500": "Our mistake; `request_id` finds it in the log.",
}
ONLY_WITH_BODY: Final = {"409", "413", "415", "422"}
REFUSED_WITHOUT_BODY: Final = {"202": ("409", "422"), "204": ("409",)}
"""What deletes something, or has something done, can be refused without having sent a body."""
ONLY_WITH_PATH: Final = {"404"}

PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457 problem document.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string", "description": "What happened and what to do, for people."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, for machines."},
        "remedy": {"type": "string", "description": "What to do about it, and who does it."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901) into the body or the query."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}
CLIENT_VERSION: Final = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Platform and version of the Webex app, as in desktop/42.12.0. Absent is allowed.",
    "schema": {"type": "string", "pattern": r"^(desktop|mobile)/[0-9]{1,6}(\.[0-9]{1,6}){1,4}$"},
}


def describe_problems(result: Any, **_kept: Any) -> Any:
    """Give every operation the problem documents it can answer with."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {
        f"Problem{status}": {
            "description": description,
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, description in STATUSES.items()
    }
    for path, operation in _operations(result):
        for status in _statuses(path, operation):
            operation["responses"].setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    return result


def describe_client_version(result: Any, **_kept: Any) -> Any:
    """Give every operation the app version header."""
    result["components"].setdefault("parameters", {})["ClientVersion"] = CLIENT_VERSION
    for _path, operation in _operations(result):
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/ClientVersion"})
    return result


def _operations(result: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, operation


def _statuses(path: str, operation: Any) -> Iterator[str]:
    takes_body = "requestBody" in operation
    refused = {code for answer in operation["responses"] for code in REFUSED_WITHOUT_BODY.get(answer, ())}
    for status in STATUSES:
        bodiless = status in ONLY_WITH_BODY and not takes_body and status not in refused
        pathless = status in ONLY_WITH_PATH and "{" not in path
        if not bodiless and not pathless:
            yield status


class BearerToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer hub_...`"""

    target_class = "provisioning.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        scopes = "\n".join(f"- `{scope}`: {meaning}" for scope, meaning in SCOPES.items())
        return {"type": "http", "scheme": "bearer", "description": f"A token with the scopes it needs:\n\n{scopes}"}


class Session(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The portal's session cookie; writes carry the CSRF token as X-CSRFToken."""

    target_class = "provisioning.tokens.BrowserSession"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class ApiDocs(SpectacularSwaggerSplitView):
    """Swagger UI without inline script or style, so that the Content-Security-Policy stays as strict as elsewhere."""

    template_name = "texting_hub/api_docs.html"

"""Every address of the hub, read from the URL configuration: what it is called, takes, and declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Address:
    """`route` is the whole pattern; `name` has its namespace in front."""

    name: str
    route: str
    parameters: tuple[str, ...]
    view: Callable[..., Any]

    @property
    def api_view(self) -> Any:
        """The DRF view class, or None for a page."""
        return getattr(self.view, "cls", None)

    @property
    def access(self) -> Any:
        return getattr(self.view, "access", "undeclared")

    def __str__(self) -> str:
        return self.name or self.route


def addresses() -> list[Address]:
    return list(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: Any, route: str, namespace: str) -> Iterator[Address]:
    for pattern in patterns:
        whole = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, whole, inner)
        elif isinstance(pattern, URLPattern):
            parameters = tuple(pattern.pattern.converters)
            yield Address(namespace + (pattern.name or ""), whole, parameters, pattern.callback)


OPERATORS = "admin:"
"""Django's own admin views: staff only, proven in tests/provisioning/test_operators.py."""
DOCUMENTATION = ("schema", "api_docs")
"""The API's description: public, and says nothing of anybody."""


def pages() -> list[Address]:
    """Pages of ours: no API, no admin, no API documentation."""
    return [
        address
        for address in addresses()
        if not address.name.startswith(OPERATORS)
        and address.name not in DOCUMENTATION
        and not address.route.startswith(("api/", "admin/"))
    ]


def operations() -> list[Address]:
    """Addresses of the API."""
    return [address for address in addresses() if address.route.startswith("api/v1/")]

"""One person who may text, by a carrier: `python -m tests.house.one_sender URL API_KEY SECRET`. Prints an API token."""

from __future__ import annotations

import sys
from datetime import timedelta

import django


def main(url: str, api_key: str, webhook_secret: str) -> None:
    django.setup()
    from django.utils import timezone

    from provisioning import vault
    from provisioning.changes import Actor
    from provisioning.tokens import issue
    from tests import factories

    credentials = vault.seal({"api_key": api_key, "webhook_secret": webhook_secret})
    factories.CarrierAccountFactory(sealed_credentials=credentials, base_url=url)
    user = factories.texting_user()
    scopes, until = ["messages:read", "messages:write"], timezone.now() + timedelta(hours=1)
    _row, token = issue(user, name="by hand", scopes=scopes, expires_at=until, actor=Actor.of_user(user, via="command"))
    print(token)


if __name__ == "__main__":
    main(*sys.argv[1:])

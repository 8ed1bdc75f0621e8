"""What accepting is measured against: the statements that an honest accept needs, from a loop around psycopg2.

    python -m tests.bench.bare_accept WORK PLACE OF plain|planned

Token, eligibility (two joins over what decides it), opt-out, place in the conversation, the row; one commit a text.
`plain` executes them as psycopg2 does, `planned` prepares them once, which psycopg2 does not do by itself.
No HTTP, no checks of the text, no content rules, no limits, no wake-up.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from uuid_utils.compat import uuid7

TOKEN = """
SELECT t.digest, t.expires_at, t.revoked_at, t.scopes, u.id, u.is_active, u.organization_id
FROM provisioning_apitoken t JOIN provisioning_user u ON u.id = t.user_id WHERE t.prefix = %s
"""
USER = """
SELECT o.id FROM provisioning_user u
JOIN provisioning_organization o ON o.id = u.organization_id
JOIN provisioning_location l ON l.id = u.location_id AND l.organization_id = o.id
WHERE u.id = %s AND u.is_active AND u.license = 'professional'
AND o.customer_type = 'enterprise' AND o.addon_licenses > 0
AND (u.texting_setting = 'on' OR (u.texting_setting = 'default' AND (
    l.texting_setting = 'on' OR (l.texting_setting = 'default' AND o.texting_enabled))))
AND (NOT o.healthcare OR o.phi_attested_at IS NOT NULL)
AND l.country IN ('US', 'CA') AND l.pstn_connection = 'cisco_pstn'
AND EXISTS (SELECT 1 FROM provisioning_callingplan p WHERE p.organization_id = o.id AND p.country IN ('US', 'CA'))
"""
NUMBER = """
SELECT n.id, n.e164 FROM provisioning_phonenumber n
JOIN provisioning_campaign c ON c.id = n.campaign_id AND c.organization_id = n.organization_id
JOIN provisioning_brand b ON b.id = c.brand_id AND b.organization_id = n.organization_id
JOIN messaging_sendingnumber s ON s.number_id = n.id
WHERE n.user_id = %s AND n.organization_id = %s
AND n.active AND n.source = 'cisco_calling_plan' AND n.capability = 'capable'
AND c.status = 'active' AND b.status = 'verified' AND NOT s.paused
AND (c.number_pool OR (SELECT count(*) FROM provisioning_phonenumber m WHERE m.campaign_id = c.id AND m.active) <= 49)
"""
OPTED_OUT = """
SELECT 1 FROM messaging_optout
WHERE organization_id = %s AND counterpart = %s AND lifted_at IS NULL AND (number_id = %s OR number_id IS NULL)
"""
PLACE = """
UPDATE messaging_conversation SET last_seq = last_seq + 1, changed_at = %s
WHERE user_id = %s AND number_id = %s AND counterpart = %s RETURNING id, last_seq
"""
TEXT = """
INSERT INTO messaging_message (
    id, organization_id, user_id, number_id, conversation_id, seq, direction, kind, status, own_e164, counterpart, body,
    search_text, encoding, segments, idempotency_key, request_digest, accepted_at, due_at, asks_to_stop, attempts,
    reason, carrier_code, blocked_by, withheld, carrier_message_id
) VALUES (
    %s, %s, %s, %s, %s, %s, 'out', 'person', 'queued', %s, %s, %s, %s, 'gsm7', 1, %s, '', %s, %s, FALSE, 0,
    '', '', '', '', ''
)
"""
KINDS = {
    "token": (TOKEN, "text"), "own": (USER, "uuid"), "number": (NUMBER, "uuid, uuid"),
    "opted_out": (OPTED_OUT, "uuid, text, uuid"), "place": (PLACE, "timestamptz, uuid, uuid, text"),
    "text": (TEXT, "uuid, uuid, uuid, uuid, uuid, int, text, text, text, text, text, timestamptz, timestamptz"),
}  # fmt: skip


def statements(connection: Any, planned: bool) -> dict[str, str]:
    """By name, as they are executed: as they are, or planned once."""
    if not planned:
        return {name: statement for name, (statement, _kinds) in KINDS.items()}
    with connection, connection.cursor() as cursor:
        for name, (statement, kinds) in KINDS.items():
            places = tuple(f"${place}" for place in range(1, statement.count("%s") + 1))
            cursor.execute(f"PREPARE {name} ({kinds}) AS {statement % places}")
    return {
        name: f"EXECUTE {name} ({', '.join(['%s'] * statement.count('%s'))})"
        for name, (statement, _kinds) in KINDS.items()
    }


def accept(connection: Any, sql: dict[str, str], token: str, to: str, body: str, key: str) -> None:
    """One text, committed. Fails on the spot when something is not as it should be."""
    now = datetime.now(UTC)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql["token"], [token.split("_")[1]])
        digest, expires_at, revoked_at, scopes, user, active, _organization = cursor.fetchone()
        assert digest == hashlib.sha256(token.encode()).hexdigest()
        assert (active, revoked_at) == (True, None)
        assert expires_at > now
        assert "messages:write" in scopes
        cursor.execute(sql["own"], [user])
        (organization,) = cursor.fetchone()
        cursor.execute(sql["number"], [user, organization])
        number, e164 = cursor.fetchone()
        cursor.execute(sql["opted_out"], [organization, to, number])
        assert cursor.fetchone() is None
        cursor.execute(sql["place"], [now, user, number, to])
        conversation, seq = cursor.fetchone()
        values = [organization, user, number, conversation, seq, e164, to, body, body.casefold(), key, now, now]
        cursor.execute(sql["text"], [str(uuid7()), *values])


def main(work: Path, place: int, of: int, kind: str) -> None:
    texts = json.loads(work.read_text())[place::of]
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    sql = statements(connection, kind == "planned")
    print("ready", flush=True)
    sys.stdin.readline()
    for token, to, body, key in texts:
        accept(connection, sql, token, to, body, key)
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])

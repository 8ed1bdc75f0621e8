"""Texts of the past, for benchmarks that ask what a full table costs."""

from __future__ import annotations


def add_history(each: int) -> None:
    """Delivered texts for the first places of each conversation, evenly over 400 days; keys as UUIDv7 makes them."""
    from django.db import connection

    if not each:
        return
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_INSERT, [each, each])
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE messaging_message")


_INSERT = """
INSERT INTO messaging_message (
    id, organization_id, user_id, number_id, conversation_id, seq, direction, kind, status, own_e164, counterpart,
    body, search_text, encoding, segments, asks_to_stop, attempts, accepted_at, due_at, sent_at, delivered_at,
    status_event_at, carrier_account_id, carrier_message_id, reason, carrier_code, blocked_by, withheld,
    idempotency_key, request_digest
)
SELECT
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(mark, 1, 3)
        || 'a' || substr(mark, 4, 15))::uuid,
    organization_id, user_id, number_id, id, seq, 'out', 'person', 'delivered', own_e164, counterpart,
    'Your sample kit is ready for pick-up.', 'your sample kit is ready for pick-up.', 'gsm7', 1, FALSE, 1, at, at, at,
    at, at, (SELECT id FROM messaging_carrieraccount LIMIT 1), 'past-' || mark, '', '', '', '', mark, ''
FROM (
    SELECT
        conversation.*, past.seq, md5(conversation.id::text || past.seq) AS mark,
        now() - (1 - past.seq / %s::float) * interval '399 days' AS at
    FROM generate_series(1, %s) past(seq) CROSS JOIN messaging_conversation conversation ORDER BY past.seq
) texts
"""

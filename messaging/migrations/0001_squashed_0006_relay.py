"""0001 to 0006 in one step, for a database that has none of them; one that has some goes on through the single files.

tests/house/test_squashed_migrations.py shows that both ways end in the same schema.
"""

import django.db.models.deletion
import provisioning.ids
from django.conf import settings
from django.db import migrations, models

from provisioning.together import CreateTogether


class Migration(migrations.Migration):

    replaces = [
        ('messaging', '0001_initial'),
        ('messaging', '0002_initial'),
        ('messaging', '0003_outcomes'),
        ('messaging', '0004_carrier_health'),
        ('messaging', '0005_where_credentials_are_sealed'),
        ('messaging', '0006_relay'),
    ]

    initial = True

    dependencies = [
        ('provisioning', '0019_fold_location_names'),
    ]

    operations = [
        CreateTogether(
            models=[
                migrations.CreateModel(
                    name='CarrierAccount',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                        ('carrier', models.CharField(help_text="The adapter's name, as in simulator.", max_length=32, verbose_name='carrier')),
                        ('base_url', models.URLField(max_length=500, verbose_name="address of the carrier's API")),
                        ('sealed_credentials', models.TextField(blank=True, editable=False, help_text='Encrypted; see provisioning/vault.py.', verbose_name='credentials')),
                        ('paused', models.BooleanField(default=False, help_text='Nothing goes out. Texts wait, and fail when they waited for 24 hours.', verbose_name='paused')),
                        ('rejected_webhooks', models.PositiveBigIntegerField(default=0, editable=False, verbose_name='webhooks refused')),
                        ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                        ('answers_keywords', models.BooleanField(db_default=False, default=False, help_text='Then these are only recorded here, and nobody is answered twice.', verbose_name='the carrier answers STOP, START and HELP')),
                        ('draining_since', models.DateTimeField(blank=True, editable=False, help_text='Texts accepted before then still go out; later ones wait for the numbers’ next account.', null=True, verbose_name='drained since')),
                        ('texts_a_second', models.FloatField(blank=True, help_text='Over all numbers of the account. Empty: as fast as the numbers and campaigns may.', null=True, verbose_name='texts a second')),
                        ('tokens', models.FloatField(db_default=0.0, default=0.0, editable=False)),
                        ('tokens_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ],
                    options={
                        'verbose_name': 'carrier account',
                        'verbose_name_plural': 'carrier accounts',
                        'ordering': ['name'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('texts_a_second__isnull', True), ('texts_a_second__gt', 0), _connector='OR'), name='account_pace_positive')],
                    },
                ),
                migrations.CreateModel(
                    name='Conversation',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('own_e164', models.CharField(max_length=16)),
                        ('counterpart', models.CharField(max_length=16)),
                        ('last_seq', models.PositiveBigIntegerField(default=0)),
                        ('unread_count', models.PositiveIntegerField(default=0)),
                        ('changed_at', models.DateTimeField()),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('number', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='conversations', to='provisioning.phonenumber')),
                        ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                        ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='conversations', to=settings.AUTH_USER_MODEL)),
                        ('last_message', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='messaging.message')),
                    ],
                    options={
                        'verbose_name': 'conversation',
                        'verbose_name_plural': 'conversations',
                        'indexes': [models.Index(fields=['user', '-changed_at', '-id'], name='inbox_list'), models.Index(condition=models.Q(('unread_count__gt', 0)), fields=['user', '-changed_at', '-id'], name='inbox_unread')],
                        'constraints': [models.UniqueConstraint(fields=('user', 'number', 'counterpart'), name='conversation_once')],
                    },
                ),
                migrations.CreateModel(
                    name='DailyCount',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('day', models.DateField()),
                        ('accepted', models.PositiveIntegerField(default=0)),
                        ('segments', models.PositiveIntegerField(default=0)),
                        ('received', models.PositiveIntegerField(default=0)),
                        ('withheld', models.PositiveIntegerField(default=0)),
                        ('number', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.phonenumber')),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                        ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('busiest_minute', models.PositiveIntegerField(db_default=0, default=0, help_text='Most texts accepted in one minute.')),
                        ('failed', models.PositiveIntegerField(db_default=0, default=0, help_text='Refused, blocked or not delivered by the carrier.')),
                        ('minute', models.PositiveSmallIntegerField(db_default=0, default=0, help_text='The last minute of the day with a text.')),
                        ('minute_texts', models.PositiveIntegerField(db_default=0, default=0, help_text='Texts accepted in that minute.')),
                        ('opted_out', models.PositiveIntegerField(db_default=0, default=0, help_text='People who replied STOP to the number.')),
                    ],
                    options={
                        'verbose_name': 'daily count',
                        'verbose_name_plural': 'daily counts',
                        'indexes': [models.Index(fields=['organization', 'day'], name='daily_counts_of_days'), models.Index(fields=['day', 'number'], name='daily_counts_of_everybody')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('user__isnull', False)), fields=('number', 'day', 'user'), name='daily_count_of_user'), models.UniqueConstraint(condition=models.Q(('user__isnull', True)), fields=('number', 'day'), name='daily_count_of_nobody')],
                    },
                ),
                migrations.CreateModel(
                    name='Message',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('seq', models.PositiveBigIntegerField(blank=True, null=True)),
                        ('direction', models.CharField(choices=[('in', 'Received'), ('out', 'Sent')], max_length=3)),
                        ('kind', models.CharField(choices=[('person', 'Written by a person'), ('automatic', 'Automatic reply')], default='person', max_length=10)),
                        ('own_e164', models.CharField(max_length=16)),
                        ('counterpart', models.CharField(max_length=32)),
                        ('body', models.TextField()),
                        ('search_text', models.TextField(editable=False)),
                        ('encoding', models.CharField(choices=[('gsm7', 'GSM-7'), ('ucs2', 'UCS-2')], max_length=4)),
                        ('segments', models.PositiveSmallIntegerField()),
                        ('status', models.CharField(choices=[('received', 'Received'), ('scheduled', 'Scheduled'), ('queued', 'Queued'), ('cancelled', 'Cancelled'), ('sending', 'Sending'), ('unconfirmed', 'Outcome unknown'), ('failed', 'Failed'), ('blocked', 'Blocked'), ('sent', 'Sent'), ('delivered', 'Delivered'), ('undelivered', 'Not delivered')], max_length=12)),
                        ('reason', models.CharField(blank=True, max_length=32)),
                        ('carrier_code', models.CharField(blank=True, max_length=32)),
                        ('blocked_by', models.CharField(blank=True, choices=[('platform', 'Texting Hub'), ('provider', 'The provider'), ('carrier', 'The carrier')], max_length=10)),
                        ('withheld', models.CharField(blank=True, choices=[('mms', 'It had an attachment'), ('international', 'It came from outside the US and Canada'), ('not_a_phone', 'It came from a short code or a name'), ('unassigned', 'The number had no user'), ('texting_off', 'Texting was off for the user'), ('blocked', 'The user had blocked this person')], max_length=16)),
                        ('asks_to_stop', models.BooleanField(default=False)),
                        ('carrier_message_id', models.CharField(blank=True, max_length=128)),
                        ('idempotency_key', models.CharField(blank=True, max_length=255)),
                        ('request_digest', models.CharField(blank=True, max_length=64)),
                        ('accepted_at', models.DateTimeField()),
                        ('due_at', models.DateTimeField()),
                        ('lease_token', models.UUIDField(blank=True, null=True)),
                        ('leased_until', models.DateTimeField(blank=True, null=True)),
                        ('retry_at', models.DateTimeField(blank=True, null=True)),
                        ('attempts', models.PositiveSmallIntegerField(default=0)),
                        ('sending_at', models.DateTimeField(blank=True, null=True)),
                        ('unconfirmed_at', models.DateTimeField(blank=True, null=True)),
                        ('failed_at', models.DateTimeField(blank=True, null=True)),
                        ('blocked_at', models.DateTimeField(blank=True, null=True)),
                        ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                        ('sent_at', models.DateTimeField(blank=True, null=True)),
                        ('delivered_at', models.DateTimeField(blank=True, null=True)),
                        ('undelivered_at', models.DateTimeField(blank=True, null=True)),
                        ('status_event_at', models.DateTimeField(blank=True, null=True)),
                        ('status_receipt_id', models.UUIDField(blank=True, null=True)),
                        ('carrier_account', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='messaging.carrieraccount')),
                        ('conversation', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='messaging.conversation')),
                        ('in_reply_to', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replies', to='messaging.message')),
                        ('number', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='provisioning.phonenumber')),
                        ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                        ('resend_of', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='resends', to='messaging.message')),
                        ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to=settings.AUTH_USER_MODEL)),
                        ('confirmed', models.BooleanField(db_default=False, default=False, help_text='The sender was asked by a content rule, and confirmed.')),
                        ('looks_repeated', models.BooleanField(db_default=False, default=False, help_text='The same words came from the same person within seconds, under another id.')),
                        ('prompt', models.BooleanField(db_default=False, default=False, help_text='It answers a text of the last 24 hours, and goes before what nobody waits for.')),
                    ],
                    options={
                        'verbose_name': 'message',
                        'verbose_name_plural': 'messages',
                        'indexes': [models.Index(condition=models.Q(('status', 'scheduled'), ('status', 'queued'), _connector='OR'), fields=['number', 'due_at'], name='messages_waiting'), models.Index(condition=models.Q(('status', 'queued'), ('status', 'sending'), _connector='OR'), fields=['conversation', 'seq'], name='messages_in_line'), models.Index(condition=models.Q(models.Q(('status', 'queued'), ('status', 'sending'), _connector='OR'), ('leased_until__isnull', False)), fields=['leased_until'], name='messages_leased'), models.Index(condition=models.Q(('retry_at__isnull', False), ('status', 'queued')), fields=['number', 'retry_at'], name='messages_put_off'), models.Index(condition=models.Q(('kind', 'automatic'), ('status', 'queued')), fields=['number', 'due_at'], name='messages_automatic'), models.Index(condition=models.Q(('status', 'queued')), fields=['due_at'], name='messages_ageing'), models.Index(condition=models.Q(('status', 'scheduled')), fields=['due_at'], name='messages_scheduled'), models.Index(condition=models.Q(('direction', 'out'), models.Q(('carrier_message_id', ''), _negated=True)), fields=['carrier_account', 'carrier_message_id'], name='messages_by_carrier_id'), models.Index(condition=models.Q(('kind', 'automatic')), fields=['number', 'counterpart', 'accepted_at'], name='messages_answered_lately'), models.Index(fields=['organization', 'accepted_at', 'id'], name='messages_by_age'), models.Index(condition=models.Q(('status', 'scheduled'), ('status', 'queued'), _connector='OR'), fields=['organization', 'counterpart'], name='messages_waiting_for'), models.Index(condition=models.Q(('prompt', True), ('status', 'queued')), fields=['number', 'due_at'], name='messages_prompt'), models.Index(condition=models.Q(('resend_of__isnull', False)), fields=['resend_of'], name='messages_sent_again'), models.Index(condition=models.Q(('in_reply_to__isnull', False)), fields=['in_reply_to'], name='messages_answering')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('seq__isnull', False)), fields=('conversation', 'seq'), name='message_place_once'), models.UniqueConstraint(condition=models.Q(('idempotency_key', ''), _negated=True), fields=('user', 'idempotency_key'), name='idempotency_key_once_a_user'), models.UniqueConstraint(condition=models.Q(('direction', 'in'), models.Q(('carrier_message_id', ''), _negated=True)), fields=('carrier_account', 'carrier_message_id'), name='inbound_once'), models.UniqueConstraint(condition=models.Q(('kind', 'automatic')), fields=('in_reply_to',), name='one_automatic_reply'), models.CheckConstraint(condition=models.Q(models.Q(('direction', 'in'), ('status', 'received')), models.Q(('direction', 'out'), models.Q(('status', 'received'), _negated=True)), _connector='OR'), name='only_inbound_is_received')],
                    },
                ),
                migrations.CreateModel(
                    name='OptOut',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('counterpart', models.CharField(max_length=16)),
                        ('keyword', models.CharField(max_length=32)),
                        ('opted_out_at', models.DateTimeField()),
                        ('lifted_at', models.DateTimeField(blank=True, null=True)),
                        ('lifted_by_keyword', models.CharField(blank=True, max_length=32)),
                        ('number', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='opt_outs', to='provisioning.phonenumber')),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='opt_outs', to='provisioning.organization')),
                    ],
                    options={
                        'verbose_name': 'opt-out',
                        'verbose_name_plural': 'opt-outs',
                        'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True), ('number__isnull', False)), fields=('organization', 'counterpart', 'number'), name='opt_out_once_a_number'), models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True), ('number__isnull', True)), fields=('organization', 'counterpart'), name='opt_out_once_an_organization')],
                    },
                ),
                migrations.CreateModel(
                    name='Receipt',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('our_reference', models.CharField(blank=True, max_length=64)),
                        ('carrier_message_id', models.CharField(blank=True, max_length=128)),
                        ('claim', models.CharField(blank=True, help_text='sent, delivered, undelivered, or unknown.', max_length=12)),
                        ('carrier_code', models.CharField(blank=True, max_length=32)),
                        ('reason', models.CharField(blank=True, max_length=32)),
                        ('event_at', models.DateTimeField()),
                        ('received_at', models.DateTimeField()),
                        ('fingerprint', models.CharField(max_length=64)),
                        ('raw', models.TextField()),
                        ('carrier_account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='messaging.carrieraccount')),
                        ('message', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='messaging.message')),
                        ('organization', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                    ],
                    options={
                        'verbose_name': 'receipt',
                        'verbose_name_plural': 'receipts',
                        'indexes': [models.Index(condition=models.Q(('message__isnull', True)), fields=['received_at'], name='receipts_orphaned')],
                        'constraints': [models.UniqueConstraint(fields=('carrier_account', 'fingerprint'), name='receipt_once')],
                    },
                ),
                migrations.CreateModel(
                    name='SendingNumber',
                    fields=[
                        ('number', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='sending', serialize=False, to='provisioning.phonenumber')),
                        ('next_due_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('tokens', models.FloatField(default=6.0, editable=False)),
                        ('tokens_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('texts_a_minute', models.FloatField(default=6.0, verbose_name='texts a minute')),
                        ('burst', models.PositiveIntegerField(default=6, help_text='Texts that may go out at once.', verbose_name='burst')),
                        ('texts_a_day', models.PositiveIntegerField(default=1000, verbose_name='texts a day')),
                        ('paused', models.BooleanField(default=False, verbose_name='paused')),
                        ('carrier_account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sending_numbers', to='messaging.carrieraccount')),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                        ('backlog', models.BooleanField(db_default=False, default=False, editable=False, help_text='More was to be sent than its last turn took: numbers with a single text go first.')),
                    ],
                    options={
                        'verbose_name': 'sending number',
                        'verbose_name_plural': 'sending numbers',
                        'indexes': [models.Index(condition=models.Q(('next_due_at__isnull', False)), fields=['backlog', 'next_due_at'], name='sending_numbers_turns')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('burst__gte', 1), ('texts_a_minute__gt', 0)), name='sending_number_pace_positive')],
                    },
                ),
                migrations.CreateModel(
                    name='OutcomeDelta',
                    fields=[
                        ('id', models.BigAutoField(primary_key=True, serialize=False)),
                        ('day', models.DateField()),
                        ('status', models.CharField(max_length=12)),
                        ('reason', models.CharField(blank=True, max_length=32)),
                        ('amount', models.IntegerField()),
                        ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                    ],
                    options={
                        'verbose_name': 'change of an outcome count',
                        'verbose_name_plural': 'changes of outcome counts',
                    },
                ),
                migrations.CreateModel(
                    name='OrganizationDay',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('day', models.DateField()),
                        ('accepted', models.PositiveIntegerField(default=0)),
                        ('segments', models.PositiveIntegerField(default=0)),
                        ('received', models.PositiveIntegerField(default=0)),
                        ('withheld', models.PositiveIntegerField(default=0)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                    ],
                    options={
                        'verbose_name': 'day of an organization',
                        'verbose_name_plural': 'days of organizations',
                        'constraints': [models.UniqueConstraint(fields=('organization', 'day'), name='organization_day_once')],
                    },
                ),
                migrations.CreateModel(
                    name='OutcomeDay',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('day', models.DateField()),
                        ('status', models.CharField(max_length=12)),
                        ('reason', models.CharField(blank=True, max_length=32)),
                        ('texts', models.IntegerField(default=0)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                    ],
                    options={
                        'verbose_name': 'outcomes of a day',
                        'verbose_name_plural': 'outcomes of days',
                        'constraints': [models.UniqueConstraint(fields=('organization', 'day', 'status', 'reason'), name='outcome_day_once')],
                    },
                ),
                migrations.CreateModel(
                    name='CarrierBatch',
                    fields=[
                        ('id', models.BigAutoField(primary_key=True, serialize=False)),
                        ('at', models.DateTimeField()),
                        ('taken', models.PositiveIntegerField(default=0)),
                        ('refused', models.PositiveIntegerField(default=0, help_text='The carrier took a look and said no.')),
                        ('not_taken', models.PositiveIntegerField(default=0, help_text='Not reached, throttled, or not let in.')),
                        ('unknown', models.PositiveIntegerField(default=0, help_text='It may have taken them.')),
                        ('carrier_account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='batches', to='messaging.carrieraccount')),
                        ('milliseconds', models.PositiveBigIntegerField(db_default=0, default=0, help_text='From the first byte to the answer, over all texts of the batch that were answered.')),
                        ('slowest', models.PositiveIntegerField(db_default=0, default=0, help_text='Milliseconds of the slowest answer.')),
                    ],
                    options={
                        'verbose_name': 'answers of a carrier',
                        'verbose_name_plural': 'answers of carriers',
                        'indexes': [models.Index(fields=['carrier_account', 'at'], name='carrier_batches_lately')],
                    },
                ),
                migrations.CreateModel(
                    name='BlockedPerson',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('counterpart', models.CharField(max_length=16)),
                        ('blocked_at', models.DateTimeField()),
                        ('lifted_at', models.DateTimeField(blank=True, null=True)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='blocked_people', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name': 'blocked person',
                        'verbose_name_plural': 'blocked people',
                        'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('user', 'counterpart'), name='blocked_once')],
                    },
                ),
                migrations.CreateModel(
                    name='BrandDay',
                    fields=[
                        ('brand', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='day', serialize=False, to='provisioning.brand')),
                        ('day', models.DateField()),
                        ('segments', models.PositiveIntegerField(default=0)),
                    ],
                    options={
                        'verbose_name': 'brand’s day',
                        'verbose_name_plural': 'brands’ days',
                    },
                ),
                migrations.CreateModel(
                    name='CampaignPace',
                    fields=[
                        ('campaign', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='pace', serialize=False, to='provisioning.campaign')),
                        ('tokens', models.FloatField(default=0.0)),
                        ('tokens_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'verbose_name': 'campaign’s pace',
                        'verbose_name_plural': 'campaigns’ paces',
                    },
                ),
                migrations.CreateModel(
                    name='ContentRule',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=100, verbose_name='name')),
                        ('kind', models.CharField(choices=[('keywords', 'Words'), ('expression', 'Regular expression')], default='keywords', max_length=12, verbose_name='kind')),
                        ('pattern', models.TextField(max_length=4000, verbose_name='words, or the expression')),
                        ('action', models.CharField(choices=[('block', 'Refuse the text'), ('confirm', 'Ask the sender to confirm')], default='block', max_length=8, verbose_name='what happens')),
                        ('advice', models.CharField(blank=True, max_length=300, verbose_name='what the sender is told')),
                        ('active', models.BooleanField(default=True, verbose_name='active')),
                        ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                        ('changed_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                        ('organization', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='content_rules', to='provisioning.organization')),
                    ],
                    options={
                        'verbose_name': 'content rule',
                        'verbose_name_plural': 'content rules',
                        'ordering': ['name', 'pk'],
                        'constraints': [models.UniqueConstraint(fields=('organization', 'name'), name='content_rule_name_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Exchange',
                    fields=[
                        ('id', models.BigAutoField(primary_key=True, serialize=False)),
                        ('attempt', models.PositiveSmallIntegerField()),
                        ('at', models.DateTimeField(help_text='When the answer was written down.')),
                        ('milliseconds', models.PositiveIntegerField(blank=True, null=True)),
                        ('outcome', models.CharField(help_text='taken, refused, not_taken or unknown; asked: it was no attempt.', max_length=12)),
                        ('http_status', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('request', models.CharField(blank=True, max_length=200)),
                        ('response', models.CharField(blank=True, max_length=500)),
                        ('carrier_account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='messaging.carrieraccount')),
                        ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exchanges', to='messaging.message')),
                    ],
                    options={
                        'verbose_name': 'exchange with a carrier',
                        'verbose_name_plural': 'exchanges with carriers',
                    },
                ),
                migrations.CreateModel(
                    name='SameText',
                    fields=[
                        ('id', models.BigAutoField(primary_key=True, serialize=False)),
                        ('day', models.DateField()),
                        ('digest', models.CharField(max_length=64)),
                        ('texts', models.PositiveIntegerField(default=0)),
                        ('number', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='provisioning.phonenumber')),
                    ],
                    options={
                        'verbose_name': 'same text',
                        'verbose_name_plural': 'same texts',
                        'indexes': [models.Index(fields=['day'], name='same_texts_of_before')],
                        'constraints': [models.UniqueConstraint(fields=('number', 'day', 'digest'), name='same_text_once_a_day')],
                    },
                ),
            ],
        ),
    ]

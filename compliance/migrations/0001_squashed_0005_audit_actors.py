"""0001 to 0005 in one step, for a database that has none of them; one that has some goes on through the single files.

tests/house/test_squashed_migrations.py shows that both ways end in the same schema.
"""

import django.db.models.deletion
import provisioning.ids
from django.conf import settings
from django.db import migrations, models

from compliance import triggers
from provisioning.together import CreateTogether


def install(apps, schema_editor):
    """The triggers that make the audit log append-only, on either database."""
    triggers.install(schema_editor.connection)


def remove(apps, schema_editor):
    triggers.remove(schema_editor.connection)


class Migration(migrations.Migration):

    replaces = [
        ('compliance', '0001_initial'),
        ('compliance', '0002_initial'),
        ('compliance', '0003_append_only'),
        ('compliance', '0004_audit_filters'),
        ('compliance', '0005_audit_actors'),
    ]

    initial = True

    dependencies = [
        ('provisioning', '0012_numbers_to_ask'),
    ]

    operations = [
        CreateTogether(
            models=[
                migrations.CreateModel(
                    name='AuditEvent',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('chain', models.CharField(max_length=40)),
                        ('sequence', models.PositiveBigIntegerField()),
                        ('previous_hash', models.CharField(blank=True, max_length=64)),
                        ('hash', models.CharField(max_length=64)),
                        ('happened_at', models.DateTimeField()),
                        ('actor_label', models.CharField(max_length=500)),
                        ('via', models.CharField(max_length=16)),
                        ('ip', models.GenericIPAddressField(blank=True, null=True)),
                        ('action', models.CharField(max_length=64)),
                        ('target_type', models.CharField(max_length=64)),
                        ('target_id', models.CharField(max_length=64)),
                        ('target_label', models.CharField(max_length=500)),
                        ('before', models.JSONField(default=dict)),
                        ('after', models.JSONField(default=dict)),
                        ('content_access', models.BooleanField(default=False)),
                        ('actor', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('organization', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                    ],
                    options={
                        'verbose_name': 'audit event',
                        'verbose_name_plural': 'audit events',
                        'indexes': [models.Index(fields=['organization', '-happened_at', '-id'], name='audit_page'), models.Index(condition=models.Q(('content_access', False)), fields=['organization', '-happened_at', '-id'], name='audit_page_of_admins'), models.Index(fields=['organization', 'actor', '-happened_at', '-id'], name='audit_by_actor'), models.Index(fields=['organization', 'action', '-happened_at', '-id'], name='audit_by_action'), models.Index(fields=['organization', 'actor', 'action', '-happened_at', '-id'], name='audit_by_actor_action'), models.Index(fields=['organization', 'target_id', '-happened_at', '-id'], name='audit_by_target'), models.Index(condition=models.Q(('content_access', False)), fields=['organization', 'actor', '-happened_at', '-id'], name='audit_by_actor_of_admins'), models.Index(condition=models.Q(('actor__isnull', True)), fields=['organization', '-happened_at', '-id'], name='audit_of_the_system')],
                        'constraints': [models.UniqueConstraint(fields=('chain', 'sequence'), name='audit_sequence_once')],
                    },
                ),
                migrations.CreateModel(
                    name='AuditHead',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('chain', models.CharField(max_length=40, unique=True)),
                        ('sequence', models.PositiveBigIntegerField(default=0)),
                        ('hash', models.CharField(blank=True, max_length=64)),
                        ('organization', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='provisioning.organization')),
                    ],
                    options={
                        'verbose_name': 'audit head',
                        'verbose_name_plural': 'audit heads',
                    },
                ),
                migrations.CreateModel(
                    name='Export',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('name', models.CharField(max_length=200, verbose_name='name')),
                        ('numbers', models.JSONField(default=list, help_text='E.164 numbers, own or counterpart; empty: any.')),
                        ('begins_at', models.DateTimeField(blank=True, null=True)),
                        ('ends_at', models.DateTimeField(blank=True, null=True)),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('ready', 'Ready'), ('failed', 'Failed'), ('expired', 'Expired')], default='waiting', max_length=8)),
                        ('snapshot_at', models.DateTimeField(blank=True, null=True)),
                        ('messages_total', models.PositiveBigIntegerField(default=0)),
                        ('messages_done', models.PositiveBigIntegerField(default=0)),
                        ('held_until', models.DateTimeField(help_text='Until then its range is kept from the purge while it waits or runs.')),
                        ('checkpoint', models.JSONField(default=dict, help_text='Where the files end and the next batch begins.')),
                        ('lease_token', models.UUIDField(blank=True, null=True)),
                        ('leased_until', models.DateTimeField(blank=True, null=True)),
                        ('error_code', models.CharField(blank=True, max_length=64)),
                        ('file_name', models.CharField(blank=True, max_length=255)),
                        ('file_size', models.PositiveBigIntegerField(default=0)),
                        ('file_sha256', models.CharField(blank=True, max_length=64)),
                        ('manifest', models.JSONField(default=dict)),
                        ('downloads', models.PositiveIntegerField(default=0)),
                        ('created_at', models.DateTimeField()),
                        ('finished_at', models.DateTimeField(blank=True, null=True)),
                        ('expires_at', models.DateTimeField(blank=True, null=True)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='exports', to='provisioning.organization')),
                        ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('users', models.ManyToManyField(blank=True, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name': 'export',
                        'verbose_name_plural': 'exports',
                        'indexes': [models.Index(fields=['organization', '-created_at'], name='exports_page'), models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['organization', 'state'], name='exports_holding')],
                    },
                ),
                migrations.CreateModel(
                    name='PurgeRun',
                    fields=[
                        ('id', models.UUIDField(default=provisioning.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('night', models.DateField()),
                        ('cutoff', models.DateTimeField()),
                        ('started_at', models.DateTimeField()),
                        ('finished_at', models.DateTimeField(blank=True, null=True)),
                        ('messages_deleted', models.PositiveBigIntegerField(default=0)),
                        ('receipts_deleted', models.PositiveBigIntegerField(default=0)),
                        ('messages_kept', models.PositiveBigIntegerField(default=0, help_text='Held: a running export covers them.')),
                        ('messages_unfinished', models.PositiveBigIntegerField(default=0, help_text='Still on their way to the carrier.')),
                        ('last_batch_at', models.DateTimeField(blank=True, null=True)),
                        ('running_digest', models.CharField(blank=True, max_length=64)),
                        ('digest', models.CharField(blank=True, max_length=64)),
                        ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='purge_runs', to='provisioning.organization')),
                        ('previous', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='next', to='compliance.purgerun')),
                    ],
                    options={
                        'verbose_name': 'purge run',
                        'verbose_name_plural': 'purge runs',
                        'indexes': [models.Index(condition=models.Q(('finished_at__isnull', True)), fields=['night'], name='purge_runs_unfinished')],
                        'constraints': [models.UniqueConstraint(fields=('organization', 'night'), name='purge_run_once_a_night')],
                    },
                ),
            ],
        ),
        migrations.RunPython(install, remove),
    ]

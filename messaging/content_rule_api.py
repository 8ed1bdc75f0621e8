"""The API of content rules: the same as the pages. The provider's rules are listed, but can't be changed here."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from messaging.content_rules import (
    LONGEST_ADVICE,
    LONGEST_NAME,
    LONGEST_PATTERN,
    create_rule,
    delete_rule,
    edit_rule,
    rules_shown_to,
)  # fmt: skip
from messaging.models import ContentRule
from messaging.models.policy import RuleAction, RuleKind
from provisioning.api.asked import actor_of, body_of, member_of
from provisioning.models import Organization
from provisioning.refusals import Refusal
from provisioning.roles import Permission
from provisioning.serializers.strict import StrictBoolean, StrictChoice, StrictText


class ContentRuleFields(serializers.Serializer[Any]):
    """A rule as it is to be; `advice` and `active` have defaults."""

    name = StrictText(max_length=LONGEST_NAME, help_text="Senders are told it.")
    kind = StrictChoice(choices=RuleKind.choices)
    pattern = StrictText(
        max_length=LONGEST_PATTERN,
        help_text="Words and phrases, one a line; or one regular expression in RE2's syntax.",
    )
    action = StrictChoice(
        choices=RuleAction.choices,
        help_text="`block` refuses such a text (`content_rule`), `confirm` asks (`confirmation_needed`).",
    )
    advice = StrictText(max_length=LONGEST_ADVICE, required=False, default="", allow_blank=True)
    active = StrictBoolean(required=False, default=True)


class ContentRuleAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=RuleKind.choices)
    pattern = serializers.CharField()
    action = serializers.ChoiceField(choices=RuleAction.choices)
    advice = serializers.CharField()
    active = serializers.BooleanField()
    provided = serializers.SerializerMethodField(help_text="The provider's: it counts here, and can't be changed here.")
    changed_at = serializers.DateTimeField()

    def get_provided(self, rule: ContentRule) -> bool:
        return rule.organization_id is None


class ContentRules(generics.GenericAPIView[ContentRule]):
    """The rules that count for the organization, and new ones."""

    access = {"GET": (Permission.VIEW_ORGANIZATION,), "POST": (Permission.CHANGE_ORGANIZATION,)}
    scopes = {"GET": "organization:read", "POST": "organization:write"}

    @extend_schema(operation_id="content_rules", responses=ContentRuleAnswer(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(rules_shown_to(_organization(request))) or []
        return self.get_paginated_response(ContentRuleAnswer(page, many=True).data)

    @extend_schema(operation_id="create_content_rule", request=ContentRuleFields, responses={201: ContentRuleAnswer})
    def post(self, request: Request) -> Response:
        made = create_rule(_organization(request), body_of(ContentRuleFields, request), actor_of(request))
        return Response(ContentRuleAnswer(made).data, status=201)


class OneContentRule(APIView):
    """One rule: what it says, changing it, deleting it."""

    access = {
        "GET": (Permission.VIEW_ORGANIZATION,),
        "PUT": (Permission.CHANGE_ORGANIZATION,),
        "DELETE": (Permission.CHANGE_ORGANIZATION,),
    }
    scopes = {"GET": "organization:read", "PUT": "organization:write", "DELETE": "organization:write"}

    @extend_schema(operation_id="content_rule", responses=ContentRuleAnswer)
    def get(self, request: Request, rule_id: uuid.UUID) -> Response:
        return Response(ContentRuleAnswer(_shown(request, rule_id)).data)

    @extend_schema(operation_id="change_content_rule", request=ContentRuleFields, responses=ContentRuleAnswer)
    def put(self, request: Request, rule_id: uuid.UUID) -> Response:
        rule = _own(request, rule_id)
        return Response(ContentRuleAnswer(edit_rule(rule, body_of(ContentRuleFields, request), actor_of(request))).data)

    @extend_schema(operation_id="delete_content_rule", responses={204: None})
    def delete(self, request: Request, rule_id: uuid.UUID) -> Response:
        delete_rule(_own(request, rule_id), actor_of(request))
        return Response(status=204)


def _shown(request: Request, rule_id: uuid.UUID) -> ContentRule:
    return get_object_or_404(rules_shown_to(_organization(request)), pk=rule_id)


def _own(request: Request, rule_id: uuid.UUID) -> ContentRule:
    """Refusal provided_rule (403) for a rule of the provider."""
    rule = _shown(request, rule_id)
    if rule.organization_id is None:
        raise Refusal("provided_rule", _("This rule is your provider’s. Ask them to change it."), http_status=403)
    return rule


def _organization(request: Request) -> Organization:
    """DeclaredAccess lets nobody in who has none."""
    organization = member_of(request).organization
    assert organization is not None
    return organization

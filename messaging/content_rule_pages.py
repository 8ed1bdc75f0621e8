"""Services > Content rules: the list with a text to try, a new rule, one rule, deleting one."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from messaging.content_rule_forms import ContentRuleForm, TryForm
from messaging.content_rules import Tried, create_rule, delete_rule, edit_rule, in_words, rules_shown_to, try_text
from messaging.models import ContentRule
from provisioning.changes import Actor
from provisioning.models import Organization
from provisioning.refusals import Refusal
from provisioning.roles import Permission, permissions_of, requires

_ORDER = (F("organization").asc(nulls_last=True), "name", "pk")
"""The organization's own first, then the provider's."""


@requires(Permission.VIEW_ORGANIZATION)
@require_http_methods(["GET", "POST"])
@never_cache
def content_rules(request: HttpRequest) -> HttpResponse:
    """The rules, the provider's too. POST holds a text against them; it is neither kept nor sent."""
    organization = _organization(request)
    tried: Tried | None = None
    form = TryForm(request.POST) if request.method == "POST" else TryForm()
    if form.is_bound and form.is_valid():
        tried = try_text(organization, form.cleaned_data["text"])
    context = {
        "lines": [(row, in_words(row)["pattern"]) for row in rules_shown_to(organization).order_by(*_ORDER)],
        "form": form,
        "tried": tried,
        "can_change": Permission.CHANGE_ORGANIZATION in _permissions(request),
    }
    status = 422 if form.is_bound and tried is None else 200
    return render(request, "messaging/content_rules.html", context, status=status)


@requires(Permission.CHANGE_ORGANIZATION)
@require_http_methods(["GET", "POST"])
def new_content_rule(request: HttpRequest) -> HttpResponse:
    """An empty form; what is refused keeps what was typed."""
    if request.method != "POST":
        return render(request, "messaging/content_rule_new.html", {"form": ContentRuleForm.empty()})
    form = ContentRuleForm(request.POST)
    if form.is_valid():
        try:
            made = create_rule(_organization(request), form.wanted, Actor.of_request(request))
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("The rule %(rule)s is saved. It counts from now on.") % {"rule": made.name})
            return redirect("content_rules")
    return render(request, "messaging/content_rule_new.html", {"form": form}, status=form.http_status)


@requires(Permission.VIEW_ORGANIZATION)
@require_http_methods(["GET", "POST"])
def content_rule(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    """One rule; who may change it gets a form. The provider's are only shown."""
    rule = get_object_or_404(rules_shown_to(_organization(request)), pk=rule_id)
    if request.method != "POST":
        return _page(request, rule, ContentRuleForm.showing(rule))
    if not _may_change(request, rule):
        raise PermissionDenied
    form = ContentRuleForm(request.POST)
    if form.is_valid():
        try:
            saved = edit_rule(rule, form.wanted, Actor.of_request(request), seen=form.cleaned_data["seen"])
        except Refusal as refusal:
            form.refuse(refusal)
            rule.refresh_from_db()
            return _page(request, rule, form.looked_again(rule) if refusal.code == "changed_meanwhile" else form)
        messages.success(request, _("Saved. The rule %(rule)s counts as it is from now on.") % {"rule": saved.name})
        return redirect("content_rules")
    return _page(request, rule, form)


@requires(Permission.CHANGE_ORGANIZATION)
@require_http_methods(["GET", "POST"])
def content_rule_delete(request: HttpRequest, rule_id: uuid.UUID) -> HttpResponse:
    """Ask before deleting. A rule of the provider is not the organization's to delete: not found."""
    rule = get_object_or_404(ContentRule, pk=rule_id, organization=_organization(request))
    if request.method == "POST":
        delete_rule(rule, Actor.of_request(request))
        messages.success(request, _("The rule %(rule)s is deleted.") % {"rule": rule.name})
        return redirect("content_rules")
    return render(request, "messaging/content_rule_delete.html", {"rule": rule})


def _page(request: HttpRequest, rule: ContentRule, form: ContentRuleForm) -> HttpResponse:
    context = {"rule": rule, "form": form, "can_change": _may_change(request, rule)}
    status = form.http_status if form.is_bound else 200
    return render(request, "messaging/content_rule.html", context, status=status)


def _may_change(request: HttpRequest, rule: ContentRule) -> bool:
    return rule.organization_id is not None and Permission.CHANGE_ORGANIZATION in _permissions(request)


def _organization(request: HttpRequest) -> Organization:
    user: Any = request.user
    organization: Organization = user.organization
    return organization


def _permissions(request: HttpRequest) -> frozenset[Permission]:
    user: Any = request.user
    return permissions_of(user)

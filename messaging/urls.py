"""Addresses of this app: pages, and its part of /api/v1/."""

from django.urls import URLPattern, path
from django.views.i18n import JavaScriptCatalog

from messaging import views, webhooks
from provisioning.roles import signed_in

urlpatterns: list[URLPattern] = [
    path("webhooks/<uuid:account_id>/", webhooks.receive, name="webhook"),
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/list/", views.conversation_list, name="inbox_list"),
    path("inbox/new/", views.new_message, name="new_message"),
    path("inbox/words.js", signed_in(JavaScriptCatalog.as_view(packages=["messaging"])), name="inbox_words"),
    path("inbox/<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("inbox/<uuid:conversation_id>/thread/", views.conversation_thread, name="conversation_thread"),
    path("inbox/<uuid:conversation_id>/composer/", views.conversation_composer, name="conversation_composer"),
    path("inbox/<uuid:conversation_id>/send/", views.send, name="conversation_send"),
    path("inbox/<uuid:conversation_id>/read/", views.read, name="conversation_read"),
    path("inbox/<uuid:conversation_id>/texts/<uuid:message_id>/again/", views.send_again, name="send_again"),
]

api_urlpatterns: list[URLPattern] = []

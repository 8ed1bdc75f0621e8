"""Addresses of this app: pages, and its part of /api/v1/."""

from django.urls import URLPattern, path
from django.views.i18n import JavaScriptCatalog

from messaging import api, blocking_pages, content_rule_api, content_rule_pages, overview_pages, views, webhooks
from messaging.operations.urls import urlpatterns as operations
from provisioning.roles import signed_in

urlpatterns: list[URLPattern] = [
    path("webhooks/<uuid:account_id>/", webhooks.receive, name="webhook"),
    path("overview/", overview_pages.page, name="overview"),
    path("overview/ability/", overview_pages.ability, name="overview_ability"),
    *operations,
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/list/", views.conversation_list, name="inbox_list"),
    path("inbox/new/", views.new_message, name="new_message"),
    path("inbox/words.js", signed_in(JavaScriptCatalog.as_view(packages=["messaging"])), name="inbox_words"),
    path("inbox/<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("inbox/<uuid:conversation_id>/thread/", views.conversation_thread, name="conversation_thread"),
    path("inbox/<uuid:conversation_id>/composer/", views.conversation_composer, name="conversation_composer"),
    path("inbox/<uuid:conversation_id>/send/", views.send, name="conversation_send"),
    path("inbox/<uuid:conversation_id>/read/", views.read, name="conversation_read"),
    path("inbox/<uuid:conversation_id>/block/", blocking_pages.block_person, name="conversation_block"),
    path("inbox/<uuid:conversation_id>/unblock/", blocking_pages.unblock_person, name="conversation_unblock"),
    path("inbox/<uuid:conversation_id>/texts/<uuid:message_id>/again/", views.send_again, name="send_again"),
    path("content-rules/", content_rule_pages.content_rules, name="content_rules"),
    path("content-rules/new/", content_rule_pages.new_content_rule, name="new_content_rule"),
    path("content-rules/<uuid:rule_id>/", content_rule_pages.content_rule, name="content_rule"),
    path("content-rules/<uuid:rule_id>/delete/", content_rule_pages.content_rule_delete, name="content_rule_delete"),
]

api_urlpatterns: list[URLPattern] = [
    path("messages", api.Texts.as_view(), name="messages"),
    path("messages/<uuid:message_id>", api.Text.as_view(), name="message"),
    path("conversations", api.Conversations.as_view(), name="conversations"),
    path("conversations/<uuid:conversation_id>", api.OneConversation.as_view(), name="conversation"),
    path(
        "conversations/<uuid:conversation_id>/messages",
        api.ConversationTexts.as_view(),
        name="conversation_messages",
    ),
    path("conversations/<uuid:conversation_id>/read", api.ConversationRead.as_view(), name="conversation_read"),
    path("conversations/<uuid:conversation_id>/block", api.ConversationBlock.as_view(), name="conversation_block"),
    path("content-rules", content_rule_api.ContentRules.as_view(), name="content_rules"),
    path("content-rules/<uuid:rule_id>", content_rule_api.OneContentRule.as_view(), name="content_rule"),
]

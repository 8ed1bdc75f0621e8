"""Addresses of the operators' pages."""

from django.urls import URLPattern, path

from messaging.operations.views import accounts, numbers, relay, texts

urlpatterns: list[URLPattern] = [
    path("operations/", relay.page, name="operations"),
    path("operations/accounts/<uuid:account_id>/", accounts.page, name="operations_account"),
    path("operations/accounts/<uuid:account_id>/pause/", accounts.pause, name="operations_pause_account"),
    path("operations/accounts/<uuid:account_id>/drain/", accounts.drain, name="operations_drain_account"),
    path("operations/accounts/<uuid:account_id>/state/", accounts.change, name="operations_account_state"),
    path("operations/accounts/<uuid:account_id>/move/", accounts.move, name="operations_account_move"),
    path("operations/numbers/", numbers.page, name="operations_numbers"),
    path("operations/numbers/<uuid:number_id>/pause/", numbers.pause, name="operations_pause_number"),
    path("operations/numbers/<uuid:number_id>/resume/", numbers.resume, name="operations_resume_number"),
    path("operations/texts/", texts.search, name="operations_texts"),
    path("operations/texts/<uuid:text_id>/", texts.text, name="operations_text"),
    path("operations/texts/<uuid:text_id>/ask/", texts.ask, name="operations_ask"),
]

"""Addresses of people and their roles: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.api import people as api
from provisioning.api import roles as roles_api
from provisioning.views import people, roles, user_number

_USER = "users/<uuid:user_id>/"
_PERSON = "people/<uuid:person_id>"

urlpatterns: list[URLPattern] = [
    path("users/new/", people.new_user, name="new_user"),
    path(_USER, people.user_profile, name="user_profile"),
    path(f"{_USER}profile/", people.edit_user, name="edit_user"),
    path(f"{_USER}deactivate/", people.deactivate_user, name="deactivate_user"),
    path(f"{_USER}reactivate/", people.reactivate_user, name="reactivate_user"),
    path(f"{_USER}invitation/", people.invite_user, name="invite_user"),
    path(f"{_USER}number/", user_number.user_number, name="user_number"),
    path(f"{_USER}roles/", roles.user_roles, name="user_roles"),
    path(f"{_USER}roles/<uuid:assignment_id>/remove/", roles.remove_role_of_user, name="remove_role"),
    path("administrators/", roles.administrators, name="administrators"),
]

api_urlpatterns: list[URLPattern] = [
    path("people", api.People.as_view(), name="people"),
    path(_PERSON, api.OnePerson.as_view(), name="person"),
    path(f"{_PERSON}/deactivate", api.PersonDeactivation.as_view(), name="person_deactivation"),
    path(f"{_PERSON}/reactivate", api.PersonReactivation.as_view(), name="person_reactivation"),
    path(f"{_PERSON}/roles", roles_api.PersonRoles.as_view(), name="person_roles"),
    path(f"{_PERSON}/roles/<uuid:assignment_id>", roles_api.PersonRole.as_view(), name="person_role"),
    path("administrators", roles_api.Administrators.as_view(), name="administrators"),
]

"""The rows an administrator can reach. What is not in these querysets is not there: 404."""

from __future__ import annotations

from django.db.models import QuerySet

from provisioning.models import Brand, Campaign, Location, Organization, PhoneNumber, RoleAssignment, Task, User
from provisioning.roles import administered_locations, bound_since


def organizations_in_reach(member: User) -> QuerySet[Organization]:
    """The one that the user belongs to; none for provider operators."""
    if member.organization_id is None:
        return Organization.objects.none()
    return Organization.objects.filter(pk=member.organization_id)


def users_in_reach(administrator: User) -> QuerySet[User]:
    """Users of the administrator's organization; for a location administrator, of the named locations only."""
    users = User.objects.filter(organization=administrator.organization, organization__isnull=False)
    bound_to = administered_locations(administrator)
    return users if bound_to is None else users.filter(location_id__in=bound_to)


def locations_in_reach(administrator: User) -> QuerySet[Location]:
    """The same for locations."""
    locations = Location.objects.filter(organization=administrator.organization)
    bound_to = administered_locations(administrator)
    return locations if bound_to is None else locations.filter(pk__in=bound_to)


def numbers_in_reach(administrator: User) -> QuerySet[PhoneNumber]:
    """The same for numbers, by their location; those that were released are in reach of the whole organization only."""
    numbers = PhoneNumber.objects.filter(organization=administrator.organization, organization__isnull=False)
    bound_to = administered_locations(administrator)
    return numbers if bound_to is None else numbers.filter(location_id__in=bound_to)


def campaigns_in_reach(administrator: User) -> QuerySet[Campaign]:
    """Campaigns of the administrator's organization: they are of no location."""
    return Campaign.objects.filter(organization=administrator.organization, organization__isnull=False)


def roles_in_reach(administrator: User) -> QuerySet[RoleAssignment]:
    """Role assignments of the administrator's organization; for a location administrator, of the named locations."""
    held = RoleAssignment.objects.filter(organization=administrator.organization, organization__isnull=False)
    bound_to = administered_locations(administrator)
    return held if bound_to is None else held.filter(location_id__in=bound_to)


def brands_in_reach(administrator: User) -> QuerySet[Brand]:
    """Brands of the administrator's organization: they are of no location."""
    return Brand.objects.filter(organization=administrator.organization, organization__isnull=False)


def tasks_in_reach(administrator: User) -> QuerySet[Task]:
    """Tasks of the administrator's organization; of a location administrator only the own ones, since being one."""
    tasks = Task.objects.filter(organization=administrator.organization, organization__isnull=False)
    since = bound_since(administrator)
    return tasks if since is None else tasks.filter(requested_by=administrator, created_at__gte=since)

"""Who may text, from which number: organizations, locations, users, numbers, registration, access."""

from provisioning.models.access import ApiToken, Role, RoleAssignment
from provisioning.models.choices import Country, TextingSetting
from provisioning.models.numbers import PhoneNumber
from provisioning.models.organizations import CallingPlan, Location, Organization
from provisioning.models.registration import Brand, Campaign
from provisioning.models.users import User, UserManager

__all__ = [
    "ApiToken",
    "Brand",
    "CallingPlan",
    "Campaign",
    "Country",
    "Location",
    "Organization",
    "PhoneNumber",
    "Role",
    "RoleAssignment",
    "TextingSetting",
    "User",
    "UserManager",
]

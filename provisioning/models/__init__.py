"""Who may text, from which number: organizations, locations, users, numbers, registration, access."""

from provisioning.models.access import ApiToken, Role, RoleAssignment
from provisioning.models.alerts import Alert, Heartbeat
from provisioning.models.business_hours import BusinessHours, Weekday
from provisioning.models.choices import Country, TextingSetting
from provisioning.models.imports import ImportRow, RowAction, UserImport
from provisioning.models.mail import Mail, MailState
from provisioning.models.numbers import NumberTenure, PhoneNumber
from provisioning.models.organizations import CallingPlan, Location, Organization
from provisioning.models.registration import Brand, Campaign
from provisioning.models.registry import (
    EventSource,
    RegistrationEvent,
    RegistryAccount,
    RegistryNotice,
    RegistrySubmission,
    SubmissionState,
)
from provisioning.models.sessions import Session
from provisioning.models.tasks import RowOutcome, Task, TaskRow, TaskState
from provisioning.models.users import User, UserManager

__all__ = [
    "Alert",
    "ApiToken",
    "Brand",
    "BusinessHours",
    "CallingPlan",
    "Campaign",
    "Country",
    "EventSource",
    "Heartbeat",
    "ImportRow",
    "Location",
    "Mail",
    "MailState",
    "NumberTenure",
    "Organization",
    "PhoneNumber",
    "RegistrationEvent",
    "RegistryAccount",
    "RegistryNotice",
    "RegistrySubmission",
    "Role",
    "RoleAssignment",
    "RowAction",
    "RowOutcome",
    "Session",
    "SubmissionState",
    "Task",
    "TaskRow",
    "TaskState",
    "TextingSetting",
    "User",
    "UserImport",
    "UserManager",
    "Weekday",
]

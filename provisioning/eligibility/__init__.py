"""Why someone can or can't text: twelve requirements, each a code, a state, a sentence and a remedy.

Every rule stands twice, side by side: `state()` in Python over facts, `met()` and `waiting()` as SQL conditions.
tests/provisioning/test_eligibility_agrees.py proves that the two say the same of every state of the database.

requirements.py        what a requirement is, and the base of every rule
facts.py               what the Python rules look at
organization_rules.py  customer_type calling_plan texting_location addon_license healthcare registration
user_rules.py          location_country location_pstn license primary_number number_capability number_campaign
known.py               the organization, looked up once: constants in place of what its users' SQL asks about it
trouble.py             why a registration does not count: the registry's decision and its reason
standing.py            the rules put together: checklists, and who can text
reach.py               how many can
"""

from provisioning.eligibility.facts import OrganizationFacts
from provisioning.eligibility.known import KnownRoot
from provisioning.eligibility.organization_rules import ORGANIZATION_RULES
from provisioning.eligibility.reach import LocationReach, SwitchReach, able_to_text_by_location, switch_reach
from provisioning.eligibility.requirements import Gate, Requirement, RequirementState
from provisioning.eligibility.standing import (
    Standing,
    annotate_can_send,
    annotate_organization,
    annotate_standing,
    annotate_status,
    check_location,
    check_organization,
    check_user,
    standing,
    standings,
)
from provisioning.eligibility.user_rules import LOCATION_RULES, USER_RULES

__all__ = [
    "LOCATION_RULES",
    "ORGANIZATION_RULES",
    "USER_RULES",
    "Gate",
    "KnownRoot",
    "LocationReach",
    "OrganizationFacts",
    "Requirement",
    "RequirementState",
    "Standing",
    "SwitchReach",
    "able_to_text_by_location",
    "annotate_can_send",
    "annotate_organization",
    "annotate_standing",
    "annotate_status",
    "check_location",
    "check_organization",
    "check_user",
    "standing",
    "standings",
    "switch_reach",
]

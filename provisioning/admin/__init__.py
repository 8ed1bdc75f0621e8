"""What provider operators see of this app: customers, people, registration, roles.

Phone numbers are registered by messaging/admin.py, which knows the carriers that numbers send through.
"""

from provisioning.admin import access, alerts, mail, organizations, people, registration

__all__ = ["access", "alerts", "mail", "organizations", "people", "registration"]

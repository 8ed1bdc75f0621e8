"""Access to API operations."""

from rest_framework.permissions import BasePermission


class DeclaredAccess(BasePermission):
    """Not written yet."""

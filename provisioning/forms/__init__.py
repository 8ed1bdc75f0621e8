"""What people type into the pages of this app: one module a noun."""

"""Pages: sign-in, Service Settings, Users, and a user's Calling > Business Texting."""

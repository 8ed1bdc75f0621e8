"""This app's part of the API: one module a noun."""

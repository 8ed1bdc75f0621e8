"""What this app's API takes and answers with: one module a noun."""

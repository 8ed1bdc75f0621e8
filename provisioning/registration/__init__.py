"""10DLC registration: drafts, submissions to a registry, and what comes of them.

checks.py       what a registry wants of a brand and a campaign: one sentence a field
tax_ids.py      US EIN and Canadian BN
drafts.py       making and changing what was not submitted yet
documents.py    what is sent
submissions.py  to the registry, at most once
notices.py      what the registry says by webhook
states.py       the only code that writes a status; what follows from each
renewals.py     campaigns whose end is near, or here
guidance.py     what to do next, in words
registries/     protocol, typed errors, one adapter a registry
"""

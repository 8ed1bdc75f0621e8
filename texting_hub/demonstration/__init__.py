"""The demonstration's rows: two customers, their people and numbers, a simulated carrier, some history.

Made once by `./hub manage seed_demo`, in one transaction, and only where settings.DEMONSTRATION is on: every account
here shares one password. Names are invented, addresses end in .example, numbers are from the ranges kept for fiction.
"""

"""A carrier that is not there: it takes texts over HTTP as a carrier would, and plays the customers' phones.

A process and a Django project of its own. It imports nothing of the hub and is never part of a production deployment.
"""

"""The client of SCM's REST Enrollment API.

client: the calls; answers: status words, and what an order waits for; verdicts: what an HTTP answer proves; codes:
SCM's code numbers and their remedies; access_token: where a token comes from.
"""

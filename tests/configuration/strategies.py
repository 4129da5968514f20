"""Host names and words of every kind."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

QUICK = settings(settings.default, max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
hosts = st.lists(labels, min_size=2, max_size=4).map(".".join).filter(lambda name: not name.replace(".", "").isdigit())
unicode_hosts = st.sampled_from(["bücher.example.com", "žltý.example.sk", "日本.example.jp", "Straße.example.de"])
words = st.text(st.characters(categories=["L", "N", "Zs"], max_codepoint=0x2FF), min_size=1, max_size=30).filter(
    str.strip
)
profile_ids = st.one_of(
    st.none(), st.integers(0, 10**9), st.uuids().map(str), st.text("abcXYZ019._-", min_size=1, max_size=30)
)

"""/search/: only what somebody may read is looked through."""


def found(client, words):
    return client.get("/search/", {"q": words}).content.decode()


def test_each_finds_what_they_may_read(as_alice, as_bob, as_charlie, study, quote):
    assert quote.text.split()[-1] in found(as_alice, "column on-call")
    assert "Nothing of yours" in found(as_bob, "column on-call")
    assert "Shipping a model" in found(as_bob, "shipping")
    assert "Nothing of yours" in found(as_charlie, "shipping")


def test_numbers_find_sessions_and_pseudonyms(as_alice, session):
    assert f"/sessions/{session.pk}/" in found(as_alice, f"session {session.pk}")
    assert "participants/P1/" in found(as_alice, "P1")

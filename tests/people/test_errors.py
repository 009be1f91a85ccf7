"""Pages for what went wrong say what happened and what to do."""

from django.test import Client, RequestFactory

from server import errors


def test_404_says_that_it_may_not_be_for_you(as_charlie, study):
    answer = as_charlie.get(study.get_absolute_url())
    assert answer.status_code == 404
    assert b"none for you" in answer.content


def test_403_says_which_right_is_missing(as_bob, study):
    answer = as_bob.get(f"{study.get_absolute_url()}change/")
    assert answer.status_code == 403
    assert b"You may not change this study." in answer.content


def test_500_needs_no_database():
    answer = errors.failed(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert b"our fault" in answer.content


def test_an_old_page_is_told_to_reload(alice):
    answer = Client(enforce_csrf_checks=True).post("/settings/theme/", {"theme": "dark"})
    assert answer.status_code == 403
    assert b"has expired" in answer.content

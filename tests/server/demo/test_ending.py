"""The sign-in line names everybody of the example once, by what they are there for."""

from server import example
from server.demo.ending import _people


def test_everybody_is_named_with_what_they_are_there_for():
    assert _people() == "mira or teun (engineers), ines or noor (champions) or remy (researcher)"
    assert all(_people().count(name) == 1 for name in example.PEOPLE)

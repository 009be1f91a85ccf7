"""What the components need and a template cannot work out."""

import pytest

from server.templatetags.look import inside


@pytest.mark.parametrize(
    ("name", "sentence"), [("App developers", "app developers"), ("ML engineers", "ML engineers"), ("", "")]
)
def test_a_name_stands_inside_a_sentence(name, sentence):
    assert inside(name) == sentence

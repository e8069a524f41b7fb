"""What a route asks is checked where it is written down: nothing opens it by mistake, or fails at every request."""

import pytest

from app.decision import Toll
from app.web.gating import gate


@pytest.mark.parametrize(
    "terms",
    [
        {"cost": 0}, {"cost": -1}, {"cost": 1.5}, {"cost": True}, {"cost": "2"},
        {"scope": ""}, {"scope": " "}, {"scope": "a  b"}, {"scope": "a\nb"}, {"scope": ["a"]}, {"scope": "é"},
        {"feature": ""}, {"feature": ("reports",)},
    ],
)  # fmt: skip
@pytest.mark.parametrize("make", [Toll, gate])
def test_terms_without_sense_cannot_be_written(make, terms):
    with pytest.raises(ValueError, match=r"a request costs|a scope is|a feature is"):
        make(**terms)


def test_the_usual_ones_can():
    assert Toll(5, "reports:read account", "Reports, monthly").cost == 5


def test_a_coroutine_is_not_taken_for_a_view():
    async def view():
        """Never awaited."""

    with pytest.raises(TypeError, match="plain functions"):
        gate(view)

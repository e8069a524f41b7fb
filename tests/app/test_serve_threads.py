"""How many threads granian gets."""

import pytest

from app.cli.serve import granian
from app.config import Settings


@pytest.mark.parametrize(("given", "threads"), [({}, "4"), ({"threads": 8}, "8"), ({"threads": 2}, "2")])
def test_granian_gets_four_threads_unless_told(tollgate, given, threads):
    fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set - {"threads"}}
    options = granian(Settings(_env_file=None, **fields | given))
    assert options[options.index("--blocking-threads") + 1] == threads

"""Work that is the same in each test, done once in a test process: half of the processor time of most tests was this.

An engine compiles each statement once, and an application the shape of each of its addresses; but every test has an engine and an
application of its own. What is shared here says the same to each of them, as long as none has a dialect with options (a serializer, say).
"""

import gc

from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from app.cli import main

STATEMENTS = 5_000  # an engine of its own would keep 500
ALIVE = (
    10_000  # new objects between two looks for garbage; Python's 700 are few for tests, which make many and keep few
)


def share():
    """From now on, in this process."""
    _share_compiled_statements()
    _share_builders_of_addresses()


def settle_memory():
    """All tests are imported, and all commands: none of that is garbage ever."""
    [main.get_command(None, name) for name in main.list_commands(None)]  # or each would freeze garbage of tests before
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALIVE)


def _share_compiled_statements():
    caches = {}
    begin = Engine.__init__

    def begin_with_what_is_known(engine, pool, dialect, *args, **more):
        begin(engine, pool, dialect, *args, **more)
        engine._compiled_cache = caches.setdefault(type(dialect), LRUCache(STATEMENTS))

    Engine.__init__ = begin_with_what_is_known
    # A dialect is part of the cache's keys, and each engine has one of its own.
    DefaultDialect.__hash__ = lambda dialect: hash(type(dialect))
    DefaultDialect.__eq__ = lambda dialect, other: type(dialect) is type(other)


def _share_builders_of_addresses():
    builders = {}
    compile_builder = Rule._compile_builder

    def known_builder(rule, append_unknown=True):
        name = (*rule._trace, repr(rule.defaults), append_unknown)
        if name not in builders:
            builders[name] = compile_builder(rule, append_unknown)
        return builders[name]

    Rule._compile_builder = known_builder

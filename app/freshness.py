"""Tell every gate at once that an entitlement changed: its version goes to the counter store before the answer."""

import logging

from app import outbox
from app.tollgate import Tollgate
from keystore.changes import Change
from keystore.errors import CounterStoreDown

log = logging.getLogger(__name__)


def publish(tollgate: Tollgate, changed: Change | None) -> None:
    """After the commit. A counter store that is down hears of it later, by parcel; meanwhile no gate caches for long."""
    if changed is None:
        return
    try:
        tollgate.counter.publish(changed.entitlement_id, changed.version)
    except CounterStoreDown as error:
        log.warning("version %s of %s not published yet: %s", changed.version, changed.entitlement_id, error)
        payload = {"entitlement": changed.entitlement_id, "version": changed.version}
        with tollgate.db.write() as session:
            outbox.add(
                session, "publish", f"publish:{changed.entitlement_id}:{changed.version}", payload, now=tollgate.clock()
            )

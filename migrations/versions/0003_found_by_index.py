"""What is looked up has an index: customers by address, entitlements by owner, parcels and receipts by what they are about.

Parcels from before say of no order that they belong to it: they are missing from its timeline, and sent as ever.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-21
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


BATCH = 1000


def upgrade() -> None:
    """Sales go on while the indexes of other tables are made; customers, whom nobody can read from then on, come last."""
    op.create_index("ix_entitlements_owner", "entitlements", ["owner"])
    op.create_index("ix_orders_customer", "orders", ["customer_id"])
    op.create_index("ix_receipts_agreement", "receipts", ["provider", "agreement"])
    op.create_index("ix_receipts_checkout", "receipts", ["checkout_id"])
    op.add_column("parcels", sa.Column("order_id", sa.String(length=40), nullable=True))
    op.add_column("parcels", sa.Column("entitlement_id", sa.String(length=40), nullable=True))
    op.create_index("ix_parcels_order", "parcels", ["order_id"])
    op.create_index("ix_parcels_entitlement", "parcels", ["entitlement_id"])
    op.add_column("customers", sa.Column("email_folded", sa.String(length=320), nullable=True))
    _fold()
    op.drop_index("ix_customers_email", "customers")
    op.create_index("ix_customers_email_folded", "customers", ["email_folded"])


def _fold() -> None:
    """In Python, as addresses are looked up: SQLite's lower() knows ASCII only, PostgreSQL's depends on its locale."""
    customers = sa.table("customers", sa.column("id"), sa.column("email"), sa.column("email_folded"))
    batch = sa.select(customers.c.id, customers.c.email).order_by(customers.c.id).limit(BATCH)
    write = sa.update(customers).where(customers.c.id == sa.bindparam("at")).values(email_folded=sa.bindparam("folded"))
    last = ""
    while rows := op.get_bind().execute(batch.where(customers.c.id > last, customers.c.email.is_not(None))).all():
        op.get_bind().execute(write, [{"at": row.id, "folded": row.email.lower()} for row in rows])
        last = rows[-1].id


def downgrade() -> None:
    op.drop_index("ix_receipts_checkout", "receipts")
    op.drop_index("ix_receipts_agreement", "receipts")
    op.drop_index("ix_parcels_entitlement", "parcels")
    op.drop_index("ix_parcels_order", "parcels")
    op.drop_column("parcels", "entitlement_id")
    op.drop_column("parcels", "order_id")
    op.drop_index("ix_orders_customer", "orders")
    op.drop_index("ix_entitlements_owner", "entitlements")
    op.drop_index("ix_customers_email_folded", "customers")
    op.create_index("ix_customers_email", "customers", ["email"])
    op.drop_column("customers", "email_folded")

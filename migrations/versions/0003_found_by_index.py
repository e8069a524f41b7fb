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


def upgrade() -> None:
    op.add_column("customers", sa.Column("email_folded", sa.String(length=320), nullable=True))
    op.execute("UPDATE customers SET email_folded = lower(email) WHERE email IS NOT NULL")
    op.drop_index("ix_customers_email", "customers")
    op.create_index("ix_customers_email_folded", "customers", ["email_folded"])
    op.create_index("ix_entitlements_owner", "entitlements", ["owner"])
    op.create_index("ix_orders_customer", "orders", ["customer_id"])
    op.add_column("parcels", sa.Column("order_id", sa.String(length=40), nullable=True))
    op.add_column("parcels", sa.Column("entitlement_id", sa.String(length=40), nullable=True))
    op.create_index("ix_parcels_order", "parcels", ["order_id"])
    op.create_index("ix_parcels_entitlement", "parcels", ["entitlement_id"])
    op.create_index("ix_receipts_agreement", "receipts", ["provider", "agreement"])
    op.create_index("ix_receipts_checkout", "receipts", ["checkout_id"])


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

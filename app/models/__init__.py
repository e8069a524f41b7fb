"""Tables of the money: what was wanted, what was tried, what arrived, and what we owe to whom.

They share the entitlements table with the keystore by foreign key; everything else about keys stays over there.
"""

from app.models.base import Base
from app.models.boxes import Parcel, Receipt
from app.models.money import Adjustment, Payment, Refund
from app.models.operators import AdminToken, PlanSwitch
from app.models.outgoing import Delivery, WebhookEndpoint
from app.models.recovery import Recovery
from app.models.sales import Checkout, Customer, Order, fold
from app.models.trail import AuditEntry

__all__ = [
    "Adjustment",
    "AdminToken",
    "AuditEntry",
    "Base",
    "Checkout",
    "Customer",
    "Delivery",
    "Order",
    "Parcel",
    "Payment",
    "PlanSwitch",
    "Receipt",
    "Recovery",
    "Refund",
    "WebhookEndpoint",
    "fold",
]

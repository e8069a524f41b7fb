"""Outgoing webhooks, by Standard Webhooks: operators' programs are told of what happened, signed, until they have it.

`events` puts messages into the transaction of the change, `endpoints` is what operators manage, `delivery` takes one message
to one endpoint, through `egress`, which never goes to a private address.
"""

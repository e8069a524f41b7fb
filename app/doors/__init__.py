"""Doors into the gate that need no web framework: for other programs, for proxies, and for any WSGI application."""

from app.decision import Toll
from app.doors.middleware import CannotVerify, TollgateMiddleware, Verifier
from app.doors.verifiers import HttpVerifier, LocalVerifier

__all__ = ["CannotVerify", "HttpVerifier", "LocalVerifier", "Toll", "TollgateMiddleware", "Verifier"]

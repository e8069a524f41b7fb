"""Sessions that cost nothing where there is none: what carries an API key carries no cookie."""

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin


class LazySessions(SecureCookieSessionInterface):
    """Flask's own, which makes a signer for every request, also for those that have nothing signed."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """An empty one without asking further where the cookie was not sent."""
        cookies = request.environ.get("HTTP_COOKIE")
        if not cookies or self.get_cookie_name(app) not in cookies:
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Nothing where nobody looked."""
        if session.accessed or session.modified:
            super().save_session(app, session, response)

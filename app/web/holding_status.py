"""How a holder stands, in one sentence for each way: renews, ends, past due, over."""

from datetime import datetime

from flask_babel import gettext as _

from app.holding import Holding
from app.web.languages import moment
from app.web.parts import tollgate
from app.web.shop import plan_name
from keystore.verdict import Verdict
from providers.events import AgreementState


def stopped(holding: Holding) -> tuple[str, str, str] | None:
    """Tone, title and text where something is wrong; None while all is well."""
    card = holding.card.state if holding.card else None
    if holding.verdict in (Verdict.REVOKED, Verdict.SUSPENDED):
        return _barred(holding.verdict, card)
    if holding.verdict is Verdict.ENDED and card is AgreementState.PAST_DUE:
        return (
            "over",
            _("Your card could not be charged"),
            _("Your key does not work any more. Pay the open invoice, or renew below: the same key works again."),
        )
    if holding.verdict is Verdict.ENDED:
        return (
            "over",
            _("Your time is over"),
            _("It ended on %(date)s. Renew below: the same key works again.", date=_paid_until(holding)),
        )
    if card is AgreementState.PAST_DUE:
        return (
            "look",
            _("Your card could not be charged"),
            _("Your key works until %(date)s. Pay or change the card before then.", date=_end(holding)),
        )
    return None


def _barred(verdict: Verdict, card: AgreementState | None) -> tuple[str, str, str]:
    if verdict is Verdict.REVOKED:
        return "over", _("Revoked"), _("Your key does not work any more. Please write to the operator.")
    if card is AgreementState.PAUSED:
        return "look", _("Paused"), _("Your subscription is paused, and so is your key. Manage your card to go on.")
    return "look", _("Suspended"), _("Your key does not work at present. Please write to the operator.")


def lasts(holding: Holding, now: datetime) -> str:
    """Until when a working key works, and what comes next."""
    said = [_lasts(holding, now)]
    if holding.next_plan and holding.next_plan_at:
        name = plan_name(tollgate(), holding.next_plan)
        said.append(_("%(plan)s starts on %(date)s.", plan=name, date=moment(holding.next_plan_at)))
    return " ".join(said)


def _lasts(holding: Holding, now: datetime) -> str:
    card = holding.card
    if holding.ends_at is None:
        return str(_("Your key works without an end date."))
    if card and card.renews and card.paid_until and card.paid_until > now:
        return str(_("Renews by card on %(date)s.", date=moment(card.paid_until)))
    if card and card.renews:
        return str(_("The renewal is being charged; meanwhile your key works until %(date)s.", date=_end(holding)))
    if card:
        return str(_("You cancelled the renewal: your key works until %(date)s.", date=_end(holding)))
    if holding.ends_at <= now:
        paid, end = _paid_until(holding), _end(holding)
        return str(
            _("Your time ended on %(paid)s. Your key works until %(end)s: renew before then.", paid=paid, end=end)
        )
    return str(_("Valid until %(date)s.", date=_paid_until(holding)))


def _paid_until(holding: Holding) -> str:
    return moment(holding.ends_at) if holding.ends_at else ""


def _end(holding: Holding) -> str:
    """The last moment, with the days of grace."""
    return moment(holding.works_until) if holding.works_until else ""

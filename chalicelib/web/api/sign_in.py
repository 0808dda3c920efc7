"""The route of sign-in links, which sign in a browser once with the caller's permissions."""

from __future__ import annotations

from urllib.parse import quote

from chalicelib.domain.access import Scope
from chalicelib.web import answers
from chalicelib.web.http import Answer, Routes, answer, token_of
from chalicelib.web.pages import session

routes = Routes(__name__)


@routes.at("POST", "/api/auth/sign-in-links", needs=Scope.READ, status=201, recorded=True)
def create() -> Answer[answers.SignInLink]:
    """Return the path of a page that signs in once within ten minutes."""
    link = session.link(token_of(routes.current_request))
    return answer({"path": f"/login?once={quote(link)}"}, 201)

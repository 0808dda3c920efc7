"""The route of sign-in links, which sign in a browser once with the caller's permissions."""

from __future__ import annotations

from urllib.parse import quote

from chalicelib.domain.access.key import Scope
from chalicelib.web.http.authentication import bearer_token
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.pages import session
from chalicelib.web.schemas import responses

routes = Routes(__name__)


@routes.add_route(
    "POST", "/api/auth/sign-in-links", scope=Scope.READ, action="sign-in-link.create", status=201
)
def create_sign_in_link() -> Answer[responses.SignInLink]:
    """Return the path of a page that signs in once within ten minutes."""
    link = session.sign_in_code(bearer_token(routes.current_request))
    return json_answer({"path": f"/login?once={quote(link)}"}, 201)

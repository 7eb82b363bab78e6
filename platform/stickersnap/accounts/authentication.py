from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class PersonAuthentication(SessionAuthentication):
    """Django's session; unlike DRF's own it answers 401, not 403, to someone who has not logged in."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class PersonAuthenticationScheme(OpenApiAuthenticationExtension):
    target_class = "stickersnap.accounts.authentication.PersonAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}

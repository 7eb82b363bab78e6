"""What the document of the API says beyond what drf-spectacular finds: every refusal, and what is taken at all."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from annotations.api.bodies import PictureParser
from annotations.api.strict import StrictSerializer

SAFE = {"GET", "HEAD", "OPTIONS"}
REASONS = {
    400: "The request makes no sense as it is; `detail` says what to change.",
    401: "Log in first.",
    403: "Not with this account, not without the token in X-CSRFToken, or not from another site's page.",
    404: "There is no such thing here, or it is not yours.",
    406: "The address has no answer of the type that `Accept` asks for.",
    408: "The request took too long to arrive.",
    409: "It is not in the state that this needs; `code` says which.",
    410: "The photo was deleted.",
    412: "It changed in the meantime.",
    413: "More bytes than are taken.",
    414: "The address is too long.",
    415: "A format or content type that is not taken.",
    417: "`Expect` asks for something else than 100-continue.",
    422: "There is no subject in the photo, or none there.",
    429: "Too much at once; Retry-After says when again.",
    431: "The header fields are too large.",
    501: "The body is sent in a transfer coding that is not taken.",
    503: "Busy, starting, or without its database for a moment; Retry-After says when again.",
}
DOOR = {408, 414, 417, 431, 501}
"""What the server says itself, to any call, before a view hears of it: always in our own shape."""
BYTES = {"schema": {"type": "string", "format": "binary"}}


class ErrorSerializer(serializers.Serializer):
    """Why something was refused, for programs and for people."""

    code = serializers.CharField()
    detail = serializers.CharField()


class ServiceSchema(AutoSchema):
    """Adds the refusals that a view's road makes possible, and those that it names in `refusals`, by method."""

    error: type[serializers.Serializer] = ErrorSerializer

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status in sorted(self._refusals() | DOOR):
            error = ErrorSerializer if status in DOOR else self.error
            body = self._get_response_for_code(error, str(status), ["application/json"])
            bodies[str(status)] = {**body, "description": REASONS[status]}
        return bodies

    def _refusals(self) -> set[int]:
        view: Any = self.view
        found = {400, 406, 503, *getattr(view, "refusals", {}).get(self.method.lower(), ())}
        if not all(permission is AllowAny for permission in view.permission_classes):
            found |= {401, 403}
        if "{" in self.path or getattr(view, "paginator", None) is not None:
            found.add(404)
        if self.method not in SAFE:
            found |= {403, 429}
        if self._get_request_body():
            found |= {413, 415}
        return found

    def _get_request_body(self, direction: Any = "request") -> Any:
        """What a call sends; a photo may also be the body itself."""
        body = super()._get_request_body(direction)
        for parser in self.view.parser_classes:
            if body and issubclass(parser, PictureParser):
                body["content"][parser.media_type] = BYTES
        return body

    def _map_serializer(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer(serializer, direction, bypass_extensions)
        known = serializer if isinstance(serializer, type) else type(serializer)
        if direction == "request" and issubclass(known, StrictSerializer):
            schema["additionalProperties"] = False
        return schema


def refusals_once(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular's hook: says each refusal once, among the components, and refers to it wherever it may occur."""
    shared: dict[str, Any] = result["components"].setdefault("responses", {})
    for operation in (operation for path in result["paths"].values() for operation in path.values()):
        for status, body in operation["responses"].items():
            if body.get("description") == REASONS.get(int(status)):
                shape = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[-1]
                shared[f"{shape}{status}"] = body
                operation["responses"][status] = {"$ref": f"#/components/responses/{shape}{status}"}
    result["components"]["responses"] = dict(sorted(shared.items()))
    return result

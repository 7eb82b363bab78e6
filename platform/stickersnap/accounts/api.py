"""The browser session over HTTP: who is here, and what they allow."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations.api.strict import StrictSerializer
from annotations.owners import owner_of
from annotations.selectors import photo_owned, photos_of
from stickersnap.accounts.models import User
from stickersnap.accounts.selectors import consent_latest
from stickersnap.accounts.services import consent_answer, consent_answer_photo
from stickersnap.accounts.tries import TooManyTries


class PersonSerializer(serializers.ModelSerializer):
    role = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["username", "role"]

    def get_role(self, user: User) -> str:
        return User.Role.OPERATOR if user.is_operator else User.Role(user.role)


class SessionSerializer(serializers.Serializer):
    user = PersonSerializer(allow_null=True)
    consent = serializers.BooleanField(help_text="All photos, those to come included, may be learned from.")
    consent_asked = serializers.BooleanField()
    photos = serializers.IntegerField(help_text="How many photos of this person are here.")
    photos_consented = serializers.IntegerField(help_text="How many of them may be learned from.")
    retention_hours = serializers.IntegerField(help_text="When the others are deleted.")


class ConsentSerializer(StrictSerializer):
    consent = serializers.BooleanField()


class LoginSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


def session_of(request: HttpRequest | Request) -> dict[str, Any]:
    """Who is here, whether they allow learning, and whether they were ever asked."""
    user: Any = request.user
    owner = owner_of(request)
    answer, photos = consent_latest(owner), photos_of(owner)
    return SessionSerializer(
        {
            "user": user if user.is_authenticated else None,
            "consent": answer is not None and answer.given,
            "consent_asked": answer is not None,
            "photos": photos.count(),
            "photos_consented": photos.filter(consented_at__isnull=False).count(),
            "retention_hours": settings.RETENTION_HOURS,
        }
    ).data


class SessionView(APIView):
    """Who is here."""

    permission_classes = [AllowAny]

    @extend_schema(responses=SessionSerializer)
    def get(self, request: Request) -> Response:
        get_token(request._request)  # sets the cookie that unsafe calls must repeat in X-CSRFToken
        return Response(session_of(request))


class ConsentView(APIView):
    """May StickerSnap learn from this person's pictures? Off until they say yes; a no takes it back."""

    permission_classes = [AllowAny]

    @extend_schema(request=ConsentSerializer, responses=SessionSerializer)
    def put(self, request: Request) -> Response:
        given = ConsentSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        consent_answer(owner=owner_of(request), given=given.validated_data["consent"])
        return Response(session_of(request))


class PhotoConsentView(APIView):
    """May StickerSnap learn from this one photo? Whatever was answered about all of them stays."""

    permission_classes = [AllowAny]

    @extend_schema(request=ConsentSerializer, responses=SessionSerializer)
    def put(self, request: Request, photo_id: uuid.UUID) -> Response:
        given = ConsentSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        owner = owner_of(request)
        consent_answer_photo(owner=owner, photo=photo_owned(photo_id, owner), given=given.validated_data["consent"])
        return Response(session_of(request))


@method_decorator(csrf_protect, name="dispatch")
class LoginView(APIView):
    """Logs a person in; what the browser session made before becomes theirs. 429 after too many tries."""

    permission_classes = [AllowAny]

    @extend_schema(request=LoginSerializer, responses=SessionSerializer)
    def post(self, request: Request) -> Response:
        given = LoginSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = authenticate(request._request, **given.validated_data)
        if user is None:
            raise ValidationError("That name and password don't belong together. Try again.", code="wrong_password")
        login(request._request, user)
        request.user = user
        return Response(session_of(request))


def admin_login(request: HttpRequest) -> HttpResponse:
    """Django's own login of the admin; after too many tries it says so, and how long to wait."""
    try:
        return admin.site.login(request)
    except TooManyTries as error:
        messages.error(request, str(error))
        request.method = "GET"
        response = admin.site.login(request)
        response.status_code = error.status
        response["Retry-After"] = str(error.retry_after)
        return response


@method_decorator(csrf_protect, name="dispatch")
class LogoutView(APIView):
    """Logs the person out; who is nobody loses the browser's session as well, so the token is asked of all."""

    permission_classes = [AllowAny]

    @extend_schema(request=None, responses=SessionSerializer)
    def post(self, request: Request) -> Response:
        logout(request._request)
        request.user = request._request.user
        return Response(session_of(request))

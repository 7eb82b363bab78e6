"""Who people are, and what they allow."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person with an account. Making stickers needs none; reviewing and operating do."""

    class Role(models.TextChoices):
        PERSON = "person"
        REVIEWER = "reviewer"
        OPERATOR = "operator"

    role = models.CharField(max_length=8, choices=Role, default=Role.PERSON)
    owner = models.UUIDField(default=uuid.uuid4, unique=True, editable=False, help_text="Owns this person's pictures.")

    @property
    def is_operator(self) -> bool:
        """May start and stop releases."""
        return self.is_active and (self.role == self.Role.OPERATOR or self.is_superuser)

    @property
    def is_reviewer(self) -> bool:
        """May review corrections; operators may too."""
        return self.is_active and (self.role == self.Role.REVIEWER or self.is_operator)


class Tries(models.Model):
    """How often somebody tried to log in, by what the tries have in common. See `tries`."""

    key = models.CharField(primary_key=True, max_length=64, help_text="Of a name, an address or a browser; keyed hash.")
    count = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "tries"

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.count}"


class Consent(models.Model):
    """One answer to "may we learn from your pictures?", all of them or one. The newest counts; all are kept."""

    owner = models.UUIDField()
    photo = models.UUIDField(null=True, help_text="The one photo it is about; empty: all of them.")
    given = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="consent_newest")]

    def __str__(self) -> str:
        return f"{self.owner}: {'yes' if self.given else 'no'}"

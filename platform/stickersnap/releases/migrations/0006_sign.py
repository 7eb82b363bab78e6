"""What was decided before there were signatures was decided by this installation, and is signed now, once."""

from typing import Any

from django.db import migrations

OLD_MINIMUM, MINIMUM = 4, 20


def sign(apps: Any, schema_editor: Any) -> None:
    from stickersnap.releases.signing import signature_of

    decisions = apps.get_model("releases", "PromotionDecision").objects
    for decision in decisions.filter(signature="").iterator():
        decisions.filter(pk=decision.pk).update(signature=signature_of(decision))


def minimum_raise(apps: Any, schema_editor: Any) -> None:
    """Four photos prove nothing (docs/gate.md): who kept the old default gets the new one, a choice stays."""
    policies = apps.get_model("releases", "RetrainPolicy").objects
    policies.filter(heldout_minimum=OLD_MINIMUM).update(heldout_minimum=MINIMUM)


class Migration(migrations.Migration):
    dependencies = [("releases", "0005_seal")]

    operations = [
        migrations.RunPython(sign, migrations.RunPython.noop),
        migrations.RunPython(minimum_raise, migrations.RunPython.noop),
    ]

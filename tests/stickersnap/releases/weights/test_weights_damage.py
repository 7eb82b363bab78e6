"""Weights that were damaged after they came in, and weights that see nothing, are not made to serve."""

import shutil

import pytest
import torch
from django.core.management import CommandError, call_command

from segmentation import networks, saving
from segmentation import weights as sets
from stickersnap.releases import selectors, services
from stickersnap.releases.models import PromotionDecision, Weights

pytestmark = pytest.mark.django_db


@pytest.fixture
def starter(people):
    return services.starter_deploy()


@pytest.fixture
def folder(starter, other_weights):
    """Where registered weights lie that do not serve."""
    return services.weights_folder(services.weights_register(folder=other_weights(1)).sha256)


def refused(starter, *command, words):
    with pytest.raises(CommandError, match=words):
        call_command("weights", *command)
    assert selectors.deployment_current() == starter
    assert PromotionDecision.objects.get() == starter.decision


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


DAMAGE = {
    "another bit": (lambda folder: flip(folder / sets.WEIGHTS), "its card says .*: fetch both again"),
    "cut short": (lambda folder: cut(folder / sets.WEIGHTS), "its card says .*: fetch both again"),
    "no weights": (lambda folder: (folder / sets.WEIGHTS).unlink(), "cannot be read: .*fetch the weights again"),
    "no card": (lambda folder: (folder / sets.CARD).unlink(), "cannot be read .*: fetch these weights again"),
    "half a card": (lambda folder: cut(folder / sets.CARD), "cannot be read .*: fetch these weights again"),
    "nothing left": (shutil.rmtree, "are missing here .*: .*bring them in with `manage.py weights pull` or `import`"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_weights_are_not_made_to_serve_until_they_came_in_again(damage, folder, starter, other_weights):
    spoil, words = DAMAGE[damage]
    spoil(folder)
    use = ("use", folder.name[:12], "--by", "olga", "--yes")
    refused(starter, *use, words=words)
    call_command("weights", "import", str(other_weights(1)))
    call_command("weights", *use)
    assert selectors.deployment_current().weights_id == folder.name


def test_lost_weights_are_named_by_what_they_were_called(folder, starter):
    Weights.objects.filter(sha256=folder.name).update(card={"name": "mine"})
    shutil.rmtree(folder)
    refused(starter, "use", "mine", "--by", "olga", "--yes", words=f"The weights {folder.name} are missing here")
    refused(starter, "use", "yours", "--by", "olga", "--yes", words="There are no weights 'yours'")


def blind(fill):
    """A network with nothing but one number for weights: every picture gets the same mask."""
    network = networks.build("basnet-small").eval()
    for value in network.state_dict().values():
        value.fill_(fill)
    return network


@pytest.mark.parametrize("fill", [0, 1])
@pytest.mark.parametrize("how", ["a file", "a folder", "registered before this was asked"])
def test_weights_that_see_nothing_are_refused(fill, how, starter, tmp_path):
    words = "answer every golden picture with the same mask, whatever is on it: train them"
    file, made = tmp_path / "blind.pth", tmp_path / "blind"
    torch.save(blind(fill).state_dict(), file)
    sha256 = saving.save(made, blind(fill), {"network": "basnet-small", "size": 64})
    if how == "registered before this was asked":
        services.weights_register(folder=made)
        refused(starter, "use", sha256, "--by", "olga", "--yes", words=words)
    else:
        refused(starter, "import", str(file if how == "a file" else made), words=words)
        assert Weights.objects.get() == starter.weights

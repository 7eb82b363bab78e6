import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from training import losses


def test_ssim_is_that_of_scikit_image() -> None:
    random = np.random.default_rng(0)
    a, b = random.random((2, 40, 48)).astype(np.float32)
    ours = losses.ssim_map(*(torch.from_numpy(x)[None, None] for x in (a, b)))[0, 0].numpy()
    _, theirs = structural_similarity(
        a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True, truncate=3.5
    )
    assert np.abs(ours - theirs)[6:-6, 6:-6].max() < 1e-4


def test_iou_loss_is_nothing_for_the_truth_and_almost_one_for_its_opposite() -> None:
    target = torch.zeros(2, 1, 16, 16)
    target[:, :, 4:12] = 1
    assert float(losses.iou_loss(target, target)) == pytest.approx(0)
    assert float(losses.iou_loss(1 - target, target)) > 0.99
    assert float(losses.iou_loss(target * 0, target * 0)) == pytest.approx(0)


def test_pixels_near_a_boundary_count_more() -> None:
    target = torch.zeros(1, 1, 128, 128)
    target[..., 64:] = 1
    row = losses.boundary_weight(target)[0, 0, 64]
    assert float(row[0]) == pytest.approx(1)
    assert float(row[64]) == pytest.approx(3, abs=0.1)
    assert float(row[127]) == pytest.approx(1)
    assert (row[16:64].diff() >= 0).all()


def test_deep_supervision_prefers_the_truth_and_reaches_every_map() -> None:
    target = torch.zeros(1, 1, 32, 32)
    target[:, :, 8:24, 8:24] = 1
    good = [(torch.nn.functional.interpolate(target, size=s, mode="area") - 0.5) * 20 for s in (32, 16, 8)]
    bad = [-m for m in good]
    assert float(losses.deep_supervision(good, target)) < 0.2 < float(losses.deep_supervision(bad, target))
    maps = [torch.zeros(1, 1, s, s, requires_grad=True) for s in (32, 16, 8)]
    losses.deep_supervision(maps, target).backward()
    assert all(float(m.grad.abs().sum()) > 0 for m in maps)

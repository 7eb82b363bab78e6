"""Fine-tuning of a set of weights on a dataset folder.

In the order in which things happen: read, (resume,) train epoch by epoch, go part of the way between base and what
was learnt, save, compare with the base on the held-out pictures.

The held-out pictures judge and never choose. With at least `validation_from` training pictures a tenth of them (by
group) is put aside to choose the best epoch and to stop early; with fewer, every epoch runs, the last average counts,
and "val_iou" is measured on the training pictures themselves ("validation": "training" in the start event).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segmentation import manifest, weights
from segmentation.predictor import TorchPredictor, choose_device
from segmentation.transforms import channels_last
from training import checkpoint, determinism, interpolate, layerwise, parallel, saving, tracking
from training.config import AUTO, FineTuneConfig
from training.data import material as materials
from training.data.batches import planned_epochs
from training.data.dataset import DataError
from training.data.material import Material
from training.errors import TrainingError
from training.events import emit
from training.interpolate import Score
from training.loop import Run, built, copied, mean_iou, train
from training.parallel import World
from training.state import State
from training.task import Task
from training.teacher import taught_by

Teach = Callable[[Material, weights.LoadedWeights, FineTuneConfig, str], Material]


def with_teacher(material: Material, base: weights.LoadedWeights, config: FineTuneConfig, device: str) -> Material:
    """The base teaches on unlabelled pictures: as the settings say, or else where nothing is replayed.

    DataError where there is nothing to train on.
    """
    if not material.own:
        raise DataError("The dataset has no training pictures: approve more corrections and freeze it again.")
    wanted = not material.replay if config.distil is None else config.distil
    if not wanted or not config.distil_share:
        return material
    taught = taught_by(TorchPredictor(base, device.partition(":")[0]), material.unlabelled, material.cache)
    teacher = built(str(base.card["network"]), base.network.state_dict(), device)
    return replace(material, taught=taught, teacher=channels_last(teacher))


def run(
    task: Task, config: FineTuneConfig, teach: Teach = with_teacher, told: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The whole run; answers what evaluation.json holds (in the first process; nothing in the others).

    `teach` adds teachers' masks to what was read; `told` is said on the card and in evaluation.json, too.

    Raises DataError or manifest.ManifestError for data that cannot be used, weights.WeightsError for the base,
    TrainingError when training cannot go on.
    """
    world, device = parallel.join(choose_device(task.device))
    config = replace(config, threads=determinism.prepare(config.seed, config.threads, config.deterministic))
    base = weights.load(task.base)
    own = str(base.card["network"])
    if task.network not in ("", own):
        raise TrainingError(f"The base is {own}: fine-tune it with --network {own}.")
    task = replace(task, network=own, device=choose_device(task.device))
    config = replace(config, size=config.size or int(base.card.get("size", 256)))
    champion = TorchPredictor(weights.load(task.champion) if task.champion else base, task.device)
    material = materials.read(task.data, task.replay, config)
    material = teach(material, base, config, device)
    facts = {"dataset_digest": manifest.digest(task.data), "base": base.sha256, "network": task.network, **(told or {})}
    try:
        return fine_tune(task, config, champion, base, material, facts, world, device)
    finally:
        parallel.leave()


def fine_tune(
    task: Task,
    config: FineTuneConfig,
    champion: TorchPredictor,
    base: weights.LoadedWeights,
    material: Material,
    facts: Mapping[str, str],
    world: World,
    device: str,
) -> dict[str, Any]:
    """From read material to a judged challenger."""
    epochs = planned_epochs(config, len(material.own), bool(material.replay), bool(material.taught), world.size)
    config = replace(config, epochs=epochs)
    state = started(base, config, device)
    settings = {**config.decisive(), "threads": config.threads if config.deterministic else None}
    fingerprint = json.dumps({**facts, **settings, "processes": world.size}, sort_keys=True)
    if task.resume:
        resume(state, task.out / saving.CHECKPOINT, fingerprint)
    tracker = start_tracking(task, config, facts, state.mlflow_run_id) if world.leader else tracking.Tracker()
    state.mlflow_run_id = tracker.run_id
    if world.leader:
        announce(state, config, material, facts, device, world)
    try:
        best = train(state, Run(task.network, config, material, task.out, fingerprint, world, tracker))
        state_dict, share = interpolated(best, base.network, config, material, world, device, task.network)
        evaluation: dict[str, Any] = {}
        if world.leader:
            noted = {"mlflow_run_id": tracker.run_id, "interpolate": share}
            if "teacher" in facts:
                noted["teacher"] = facts["teacher"]
            card = saving.new_card(base, task.network, task.data, config, {**noted, "processes": world.size})
            made = saving.Made(state_dict, task.network, card)
            noted |= {"dataset_digest": facts["dataset_digest"], "seed": config.seed}
            evaluation = saving.conclude(
                task.out, made, champion, material, noted, tracker, task.forms, task.device, task.benchmarks
            )
        world.wait()
    except BaseException:
        tracker.finish(failed=True)
        raise
    tracker.finish()
    if world.leader:
        emit("done", weights=evaluation["challenger"]["sha256"], heldout=evaluation["heldout"])
    return evaluation


def started(base: weights.LoadedWeights, config: FineTuneConfig, device: str) -> State:
    """A run's state before its first step."""
    network = channels_last(built(str(base.card["network"]), base.network.state_dict())).requires_grad_(True).to(device)
    groups = layerwise.parameter_groups(network, str(base.card["network"]), config.encoder_floor)
    optimizer = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.weight_decay)
    return State(network, optimizer, checkpoint.MovingAverage(network, config.ema), best=copied(network))


def resume(state: State, path: Path, fingerprint: str) -> None:
    """Takes up a checkpoint where there is one; of a damaged one it is said, and the run starts from its base."""
    if not path.exists():
        return
    try:
        state.restore(path, fingerprint)
    except checkpoint.DamagedCheckpoint as error:
        emit("warning", message=f"{error} Training starts again from the base.")


def interpolated(
    best: Mapping[str, Tensor],
    base: nn.Module,
    config: FineTuneConfig,
    material: Material,
    world: World,
    device: str,
    name: str,
) -> tuple[dict[str, Tensor], float]:
    """The weights between base and `best` that count, and how far along they are."""
    champion = {key: value.to(device) for key, value in base.state_dict().items()}

    def measure(share: float) -> Score:
        network = built(name, interpolate.between(champion, best, share), device)
        new = mean_iou(network, material.validation, config.size, world) if material.validation else None
        return Score(share, new, mean_iou(network, material.guards, config.size, world))

    scores: list[Score] = []
    share = float(config.interpolate) if config.interpolate != AUTO else 0.0
    if config.interpolate == AUTO:
        share, scores = interpolate.choose(measure, bool(material.guards))
    if world.leader:
        emit("interpolate", share=share, scores=[[s.share, s.new, s.old] for s in scores])
    return interpolate.between(champion, best, share), share


def start_tracking(
    task: Task, config: FineTuneConfig, facts: Mapping[str, str], run_id: str | None
) -> tracking.Tracker:
    """MLflow's tracker where one is asked for; of one that cannot be had it is said, and nobody is told."""
    if not task.tracking_uri:
        return tracking.Tracker()
    tags = {**task.tags, **facts, "git_revision": tracking.git_revision() or ""}
    try:
        return tracking.MlflowTracker(task.tracking_uri, task.experiment, config.as_dict(), tags, run_id)
    except tracking.TrackingAway as error:
        emit("warning", message=str(error))
        return tracking.Tracker()


def announce(
    state: State, config: FineTuneConfig, material: Material, facts: Mapping[str, str], device: str, world: World
) -> None:
    emit(
        "start",
        epoch=state.epoch,
        step=state.step,
        epochs=config.epochs,
        samples=len(material.own),
        validation=len(material.validation) or "training",
        replay=len(material.replay),
        taught=len(material.taught),
        device=device,
        processes=world.size,
        threads=config.threads,
        mlflow_run_id=state.mlflow_run_id,
        dataset_digest=facts["dataset_digest"],
        base=facts["base"],
    )

"""A small student follows a large champion: `python -m training distill --teacher FOLDER --data FOLDER --out FOLDER`.

On every consenting photo of the dataset it learns the teacher's soft maps (Hinton et al. 2015), and the true masks
where there are any. It leaves what fine-tuning leaves: weights, and evaluation.json, whose champion is the present
student, for the gate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segmentation import weights
from segmentation.predictor import TorchPredictor, choose_device
from training import train
from training.config import AUTO, FineTuneConfig
from training.data.dataset import DataError
from training.data.material import Material
from training.errors import TrainingError
from training.task import Task
from training.teacher import taught_by


@dataclass(frozen=True)
class Lesson:
    """Makes the teacher's masks for all photos of a run's material but those put aside."""

    teacher: TorchPredictor

    def __call__(
        self, material: Material, student: weights.LoadedWeights, config: FineTuneConfig, device: str
    ) -> Material:
        """DataError where there is no photo at all."""
        taught = taught_by(self.teacher, [*material.own, *material.unlabelled], material.cache)
        if not taught:
            raise DataError("The dataset has no photo to learn from: wait for uploads with consent, freeze again.")
        if not material.own:
            return replace(material, own=taught, taught=())
        return replace(material, taught=taught)


def student_of(network: str, base: Path | None) -> Path:
    """The weights to start from. TrainingError for a network whose student nobody named."""
    if base is not None:
        return base
    if weights.inspect(weights.STARTER).network != network:
        raise TrainingError(f"There is no {network} to start from: name the present student with --base.")
    return weights.starter_folder()


def run(task: Task, teacher: Path, config: FineTuneConfig) -> dict[str, Any]:
    """The whole run; answers what evaluation.json holds. The task's base is the present student.

    The student goes all the way unless told otherwise: its teacher, not its own past, is what it must not forget.
    Raises what `train.run` raises, and weights.WeightsError for the teacher.
    """
    if config.interpolate == AUTO:
        config = replace(config, interpolate=1.0)
    found = weights.load(teacher)
    lesson = Lesson(TorchPredictor(found, choose_device(task.device)))
    return train.run(task, config, lesson, {"teacher": found.sha256})

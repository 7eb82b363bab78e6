"""Every write of releases, by subject: weights in `store`, decisions in `decisions`, deployments in `deployments`."""

from stickersnap.releases.deployments import deployment_create, rollback, self_test
from stickersnap.releases.gate.approvals import decision_approve, decision_decline
from stickersnap.releases.gate.benchmarks import benchmark_add, benchmark_remove, benchmarks
from stickersnap.releases.gate.decisions import promotion_decide, starter_deploy, weights_use
from stickersnap.releases.weights.store import run_folder, weights_folder, weights_register

__all__ = [
    "benchmark_add",
    "benchmark_remove",
    "benchmarks",
    "decision_approve",
    "decision_decline",
    "deployment_create",
    "promotion_decide",
    "rollback",
    "run_folder",
    "self_test",
    "starter_deploy",
    "weights_folder",
    "weights_register",
    "weights_use",
]

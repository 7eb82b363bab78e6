"""What can go wrong with a release. The docstring is what the operator reads."""

from annotations.exceptions import AnnotationError


class ReleaseError(AnnotationError):
    """This release step can't be done."""

    code, status = "release_refused", 409


class NotReady(ReleaseError):
    """No weights are being served yet. `manage.py weights deploy-starter` deploys those that are shipped."""

    code, status = "not_ready", 503


class NoBrowserGraph(ReleaseError):
    """The weights that serve have no form for browsers. Deploy small ones, with their forms made."""

    code, status = "no_browser_graph", 404


class CutFailed(ReleaseError):
    """This photo can't be cut: the network's answer to it is no picture. Try another photo."""

    code, status = "cut_failed", 500


class AlreadyRunning(ReleaseError):
    """A training run is under way. Wait until it has finished, then start the next."""

    code = "already_running"


class NothingDeployed(ReleaseError):
    """There is no champion to start from. `manage.py weights deploy-starter` deploys the shipped weights."""

    code = "nothing_deployed"


class StaleDecision(ReleaseError):
    """Other weights were deployed since this decision was made. Train again from those."""

    code = "stale_decision"


class NotPassed(ReleaseError):
    """These weights did not pass the gate, so they can't be deployed."""

    code = "not_passed"


class NotSigned(ReleaseError):
    """This was not signed by this installation, so it makes nothing serve."""

    code = "not_signed"


class NotRightful(ReleaseError):
    """These weights may not serve: signed rows do not say so."""

    code = "not_rightful"


class NotApproved(ReleaseError):
    """This decision waits for an operator's approval, or was declined. It deploys nothing until it is approved."""

    code = "not_approved"


class NoApprovalNeeded(ReleaseError):
    """Nothing waits here: this decision needs no approval, or somebody has given or refused it already."""

    code = "no_approval_needed"


class BenchmarkRefused(ReleaseError):
    """These pictures can't be a benchmark."""

    code = "benchmark_refused"


class AlreadyServing(ReleaseError):
    """These weights serve already: there is nothing to do."""

    code = "already_serving"


class NotTrainable(ReleaseError):
    """An ONNX graph alone serves, which can't be fine-tuned. `manage.py weights use` makes others serve."""

    code = "not_trainable"


class RolloutOver(ReleaseError):
    """This rollout is over, or other weights serve by now. Look at the newest one."""

    code = "rollout_over"


class NoBase(ReleaseError):
    """There are no weights of that network here to start from."""

    code = "no_base"


class NoStudentNeeded(ReleaseError):
    """The weights that serve now are small, or an ONNX graph alone: they need no student, or can't teach one."""

    code = "no_student_needed"


class NothingToRollBack(ReleaseError):
    """No earlier weights are left to go back to."""

    code = "nothing_to_roll_back"


class RunLost(ReleaseError):
    """The run was given up from elsewhere while it was still working."""

    code = "run_lost"


class TrainingStopped(ReleaseError):
    """Stopped before it was done."""

    code = "training_stopped"


class TrainingFailed(ReleaseError):
    """The training process failed."""

    code = "training_failed"


class TrainingKilled(TrainingFailed):
    """The training process was killed."""

    code = "training_killed"

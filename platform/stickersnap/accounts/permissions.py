"""Who may do what; the classes live below, where the labelled picture needs them, too."""

from annotations.permissions import IsOperator, IsReviewer

__all__ = ["IsOperator", "IsReviewer"]

"""Addresses under /api/v1/."""

from django.urls import path

from stickersnap.releases.api import datasets, decisions, overview, rollouts, runs, views

urlpatterns = [
    path("weights/current/", views.CurrentWeightsView.as_view(), name="weights-current"),
    path("weights/current/browser.onnx", views.BrowserGraphView.as_view(), name="weights-browser"),
    path("releases/overview/", overview.OverviewView.as_view(), name="overview"),
    path("releases/runs/", views.RunListView.as_view(), name="runs"),
    path("releases/runs/<uuid:run_id>/", runs.RunView.as_view(), name="run"),
    path("releases/runs/<uuid:run_id>/samples/<str:name>", runs.RunSampleView.as_view(), name="run-sample"),
    path("releases/runs/<uuid:run_id>/evidence/<str:name>", decisions.RunEvidenceView.as_view(), name="run-evidence"),
    path("releases/decisions/<int:decision_id>/", decisions.DecisionView.as_view(), name="decision"),
    path(
        "releases/decisions/<int:decision_id>/approve/",
        decisions.DecisionApproveView.as_view(),
        name="decision-approve",
    ),
    path(
        "releases/decisions/<int:decision_id>/decline/",
        decisions.DecisionDeclineView.as_view(),
        name="decision-decline",
    ),
    path("releases/datasets/", datasets.DatasetListView.as_view(), name="datasets"),
    path("releases/datasets/<int:number>/", datasets.DatasetView.as_view(), name="dataset"),
    path("releases/retrain/", views.RetrainView.as_view(), name="retrain"),
    path("releases/policy/", views.PolicyView.as_view(), name="policy"),
    path("releases/forecast/", overview.ForecastView.as_view(), name="forecast"),
    path("releases/lineage/<str:kind>/<str:name>/", views.LineageView.as_view(), name="lineage"),
    path("releases/deployments/", views.DeploymentListView.as_view(), name="deployments"),
    path("releases/rollouts/", rollouts.RolloutListView.as_view(), name="rollouts"),
    path("releases/rollouts/<uuid:rollout_id>/shadow/", rollouts.ShadowListView.as_view(), name="shadow"),
    path(
        "releases/rollouts/<uuid:rollout_id>/shadow/<uuid:photo_id>/difference.png",
        rollouts.ShadowDifferenceView.as_view(),
        name="shadow-difference",
    ),
    path("releases/rollouts/<uuid:rollout_id>/next/", rollouts.RolloutNextView.as_view(), name="rollout-next"),
    path("releases/rollouts/<uuid:rollout_id>/end/", rollouts.RolloutEndView.as_view(), name="rollout-end"),
    path("releases/rollback/", views.RollbackView.as_view(), name="rollback"),
]

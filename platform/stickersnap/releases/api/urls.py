"""Addresses under /api/v1/."""

from django.urls import path

from stickersnap.releases.api import views

urlpatterns = [
    path("weights/current/", views.CurrentWeightsView.as_view(), name="weights-current"),
    path("weights/current/browser.onnx", views.BrowserGraphView.as_view(), name="weights-browser"),
    path("releases/runs/", views.RunListView.as_view(), name="runs"),
    path("releases/retrain/", views.RetrainView.as_view(), name="retrain"),
    path("releases/deployments/", views.DeploymentListView.as_view(), name="deployments"),
    path("releases/rollback/", views.RollbackView.as_view(), name="rollback"),
]

from django.urls import path

from annotations.api import reviews, trust, views

urlpatterns = [
    path("photos/", views.PhotoListView.as_view(), name="photos"),
    path("photos/<uuid:photo_id>/", views.PhotoView.as_view(), name="photo"),
    path("photos/<uuid:photo_id>/restore/", views.PhotoRestoreView.as_view(), name="photo-restore"),
    path("photos/<uuid:photo_id>/image/", views.PhotoImageView.as_view(), name="photo-image"),
    path("predictions/<uuid:prediction_id>/mask.png", views.PredictionMaskView.as_view(), name="prediction-mask"),
    path("predictions/<uuid:prediction_id>/cutout.png", views.CutoutView.as_view(), name="prediction-cutout"),
    path("predictions/<uuid:prediction_id>/mask.json", views.RunLengthsView.as_view(), name="prediction-run-lengths"),
    path("corrections/<uuid:correction_id>/", views.CorrectionView.as_view(), name="correction"),
    path("corrections/<uuid:correction_id>/mask.png", views.CorrectionMaskView.as_view(), name="correction-mask"),
    path("corrections/<uuid:correction_id>/cutout.png", views.CutoutView.as_view(), name="correction-cutout"),
    path("corrections/<uuid:correction_id>/mask.json", views.RunLengthsView.as_view(), name="correction-run-lengths"),
    path(
        "corrections/<uuid:correction_id>/difference.png",
        views.CorrectionDifferenceView.as_view(),
        name="correction-difference",
    ),
    path("corrections/<uuid:correction_id>/review/", reviews.ReviewView.as_view(), name="correction-review"),
    path("trust/", trust.TrustListView.as_view(), name="trust"),
    path("trust/<uuid:author>/corrections/", trust.TrustCorrectionsView.as_view(), name="trust-corrections"),
    path("trust/<uuid:author>/quarantine/", trust.QuarantineView.as_view(), name="trust-quarantine"),
    path("queue/correct/", views.QueueCorrectView.as_view(), name="queue-correct"),
    path("queue/review/", views.QueueReviewView.as_view(), name="queue-review"),
]

"""Settings of the service, read from the environment. Every variable is described in `.env.example`."""

from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF, UNSAFE_INLINE

from segmentation import backends
from stickersnap import env
from stickersnap.embedded import postgres
from stickersnap.secret import secret_key

BASE_DIR = Path(__file__).resolve().parents[2]
STATE = Path(env.text("STICKERSNAP_STATE", str(BASE_DIR / "var"))).resolve()
DEBUG = env.flag("STICKERSNAP_DEBUG")
HTTPS = env.flag("STICKERSNAP_HTTPS")
SECRET_KEY = secret_key(env.text("DJANGO_SECRET_KEY"), STATE)
SECRET_KEY_FALLBACKS = env.words("DJANGO_SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = env.words("STICKERSNAP_HOSTS", ["localhost", "127.0.0.1", "[::1]"])

DATABASE_URL = env.text("DATABASE_URL")
# The role that owns the tables, for migrations alone. Empty with a DATABASE_URL: its role does both.
DATABASE_OWNER_URL = env.text("DATABASE_OWNER_URL") or ("" if DATABASE_URL else postgres.url(STATE) or "")
DATABASE_URL = DATABASE_URL or postgres.url(STATE, role=postgres.SERVING) or "postgresql:///stickersnap"
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "stickersnap.admin_config.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "procrastinate.contrib.django",
    "stickersnap.accounts",
    "stickersnap.embedded",
    "annotations",
    "stickersnap.stickers",
    "stickersnap.packs",
    "stickersnap.releases",
]
MIDDLEWARE = [
    "stickersnap.api.metrics.MetricsMiddleware",
    "stickersnap.api.shapes.wording.WordingMiddleware",
    "stickersnap.api.shape.ShapeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "stickersnap.api.guard.PrivateMiddleware",
    "stickersnap.api.admission.AdmissionMiddleware",
    "stickersnap.api.guard.OriginMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "stickersnap.accounts.tries.KnownBrowserMiddleware",
    "stickersnap.accounts.visitors.VisitorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "stickersnap.urls"
WSGI_APPLICATION = "stickersnap.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Throttles count in memory; so many clients are told apart before the one unseen longest is forgotten.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 20_000}}}

AUTH_USER_MODEL = "accounts.User"
# Whichever way somebody logs in, the gate counts first.
AUTHENTICATION_BACKENDS = ["stickersnap.accounts.tries.Gate", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "/login"
CSRF_FAILURE_VIEW = "stickersnap.api.errors.csrf_failure"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
FRONTEND = BASE_DIR / "platform" / "frontend" / "dist"
STATICFILES_DIRS = [FRONTEND] if FRONTEND.is_dir() else []
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.+/assets/.+-[\w-]{8}\.\w+$"  # Vite names these by their content

SESSION_COOKIE_AGE = 60 * 60 * 24 * 90
CSRF_COOKIE_AGE = SESSION_COOKIE_AGE - 60 * 60 * 24  # a browser without it asks who it is before it writes
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS: list[str] = []
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "style-src": [SELF, UNSAFE_INLINE],
        "script-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "stickersnap.api.uploads.CappedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["stickersnap.accounts.authentication.PersonAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["annotations.api.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "stickersnap.api.negotiation.Answerable",
    "DEFAULT_PAGINATION_CLASS": "stickersnap.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "stickersnap.api.schema.ServiceSchema",
    "DEFAULT_THROTTLE_CLASSES": ["stickersnap.api.throttles.PersonThrottle"],
    "EXCEPTION_HANDLER": "stickersnap.api.errors.exception_handler",
    "NUM_PROXIES": 1 if HTTPS else 0,  # whose word about the client's address counts
}
SPECTACULAR_SETTINGS = {
    "TITLE": "StickerSnap",
    "VERSION": "1",
    "DESCRIPTION": (
        "Photo in, sticker out; fix in, better weights out.\n\n"
        "Who has no account and no API key is known by cookies. A client that keeps none is another visitor at each "
        "call, and sees nothing of what it brought before. Read `/api/v1/session/` once before the first writes, "
        "above all before several at once, and send its cookies with all of them."
    ),
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVERS": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "stickersnap.api.schema.refusals_once",
    ],
    "ENUM_NAME_OVERRIDES": {
        "DecisionKindEnum": "stickersnap.releases.models.PromotionDecision.Kind",
        "RunKindEnum": "stickersnap.releases.models.TrainingRun.Kind",
        "NodeKindEnum": "stickersnap.releases.lineage.KINDS",
    },
}

# Which predictor answers, which weights learned from a dataset version, and who consented: named here
# so that `annotations` need not know who deploys or who logs in.
PREDICTOR = "stickersnap.releases.serving.predictor_current"
BYTES_KEPT = "stickersnap.stickers.selectors.bytes_kept"
CONSENT = "stickersnap.accounts.selectors.consent_of"
WEIGHTS_TRAINED_ON = "stickersnap.releases.selectors.weights_trained_on"

DEVICE = env.choice("STICKERSNAP_DEVICE", "auto", ("auto", "cpu", "cuda"))
BACKEND = env.choice("STICKERSNAP_BACKEND", "auto", ("auto", *backends.MODULES))
REQUIRE_GPU = env.flag("REQUIRE_GPU")
CORES = backends.usable_cores()
NETWORK_THREADS = env.integer("STICKERSNAP_NETWORK_THREADS", CORES, 1, 1024)
BATCH_LIMIT = env.integer("STICKERSNAP_BATCH_LIMIT", 0, 0, 1024)
# At most half of the web process's threads work on photos: the others refuse, and say that the service is alive.
WEB_THREADS = env.integer("WEB_THREADS", 32, 1, 256)
# Behind a proxy all come from its address.
CONNECTIONS_PER_ADDRESS = env.integer("WEB_CONNECTIONS_PER_ADDRESS", 0 if HTTPS else 200, 0, 100_000)
PREDICTIONS_WAITING = env.integer(
    "STICKERSNAP_PREDICTIONS_WAITING", max(1, min(max(6, 2 * CORES), WEB_THREADS // 2)), 0, 1000
)
# A photo keeps its place from decoding to the answer, so that none is decoded in vain.
PHOTOS_AT_WORK = PREDICTIONS_WAITING + 1
# More than the cores can work on would only slow each other down; a GPU wants company for its batches.
PHOTOS_AT_ONCE = PHOTOS_AT_WORK if backends.gpu_driver() else CORES + 1
STICKERS_AT_WORK = max(4, 2 * CORES)
LARGE_AT_ONCE = 1
IN_LINE_AT_MOST = max(8, WEB_THREADS // 4)  # for a place of one kind: who waits holds a thread
UPLOADS_PER_MINUTE = env.integer("STICKERSNAP_UPLOADS_PER_MINUTE", 120, 1, 1_000_000)
# Who may read /metrics without being an operator: machines that ask straight, through no proxy.
METRICS_NETWORKS = env.networks("STICKERSNAP_METRICS_NETWORKS", ["127.0.0.0/8", "::1/128"])
# Where one person is all there is, they may approve their own corrections; lineage shows which.
OWN_APPROVAL = env.flag("STICKERSNAP_OWN_APPROVAL")
MEGABYTES_PER_PERSON = env.integer("STICKERSNAP_MB_PER_PERSON", 4_000, 0, 100_000_000)  # 0: any number
RETENTION_HOURS = env.integer("STICKERSNAP_RETENTION_HOURS", 24 * 7, 1, 24 * 3650)
DVC_REMOTE = env.place("DVC_REMOTE", str(STATE / "dvc-remote"))
# A version has at most so many photos without a mask; a photo's whole owner is on one side of the split only where
# there are so many people.
UNLABELLED_LIMIT = env.integer("STICKERSNAP_UNLABELLED_LIMIT", 500, 0, 100_000)
SPLIT_OWNERS_MINIMUM = env.integer("STICKERSNAP_SPLIT_OWNERS_MINIMUM", 10, 1, 1_000_000)
MLFLOW_TRACKING_URI = env.text("MLFLOW_TRACKING_URI")
MLFLOW_ARTIFACTS = env.text("MLFLOW_ARTIFACTS", str(STATE / "mlflow"))
MLFLOW_PAGES_HERE = "http://127.0.0.1:5000"  # of `manage.py mlflow`
MLFLOW_PAGES = env.text("STICKERSNAP_MLFLOW_PAGES", MLFLOW_PAGES_HERE)

PROCRASTINATE_WORKER_DEFAULTS = {
    "concurrency": 4,  # a training takes one place for minutes; sweeps and mirrors go on beside it
    "shutdown_graceful_timeout": 20,
    "delete_jobs": "successful",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "onnx_ir": {"level": "WARNING"},
        "procrastinate.periodic": {"level": "WARNING"},
        "procrastinate.blueprints": {"level": "WARNING"},
    },
}

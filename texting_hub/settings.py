"""Settings, read from the environment. `./hub up` sets what a single machine needs; production sets its own.

DATABASE_URL   postgres://...  (absent: SQLite in the data folder)
REDIS_URL      redis://...     (absent: the embedded Valkey's socket, which `./hub up` passes on)
SECRET_KEY     signs sessions  (absent: made once and kept in the data folder)
SECRET_KEY_FALLBACKS  comma-separated earlier SECRET_KEYs, until what they signed has expired (absent: none)
FIELD_KEYS     comma-separated Fernet keys that seal carrier credentials, newest first (absent: made once, kept)
HUB_DATA       the data folder (absent: .hub beside this project)
EMAIL_URL      smtp+tls://user:password@host:587 (absent: mail waits, and an alert says so; never in the demonstration)
DEFAULT_FROM_EMAIL  who mail is from: "Texting Hub <hub@example.com>"
PUBLIC_URL     where people and carriers reach the hub, in links and webhook addresses; with https:// cookies, redirects
               and HSTS insist on HTTPS (absent: http://127.0.0.1:8000)
ALLOWED_HOSTS  comma-separated host names that a request may be for (absent: this machine's)
BEHIND_PROXY   1: all requests come through a proxy, whose X-Forwarded-For and X-Forwarded-Proto are believed; then
               nobody else may reach this port (absent: neither is)
METRICS_TOKEN  lets Prometheus read /metrics, as a bearer token (absent: only the same machine, without a proxy)
REQUESTS_AT_ONCE  how many requests one uvicorn works on, each with a database connection (absent: 20)
SECOND_FACTOR_REQUIRED  False lets administrators and officers in without a second factor (absent: True)
SAME_TEXT_A_DAY  to how many people one number may send the same words a day (absent: 50)
BACKUP_EXPECTED_HOURS  without a backup for so long there is an alert; 0: nobody asks (absent: 26)
PREPARED_STATEMENTS  off behind a pooler that hands connections to Postgres out by transaction (absent: on)
BROKER_PREFIX  keeps two hubs on one Redis apart (absent: none)
LOG_LEVEL      what is logged (absent: INFO)

`./hub up` alone sets DEMONSTRATION, SIMULATOR_URL, DEMO_PASSWORD, SESSION_COOKIE_NAME and CSRF_COOKIE_NAME.
"""

from __future__ import annotations

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from texting_hub.keys import kept_secrets
from texting_hub.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DATA_DIR = Path(env.str("HUB_DATA", default=str(BASE_DIR / ".hub"))).resolve()
kept = kept_secrets(DATA_DIR, given=env.ENVIRON)
SECRET_KEY = kept["SECRET_KEY"]
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
FIELD_KEYS: list[str] = kept["FIELD_KEYS"].split(",")

DEBUG = False
DEMONSTRATION = env.bool("DEMONSTRATION", default=False)
SIMULATOR_URL = env.str("SIMULATOR_URL", default="")
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="") if DEMONSTRATION else ""
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
SECURE = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "texting_hub",
    "provisioning",
    "messaging",
    "compliance",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "provisioning.apps.OperatorAdminConfig",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "texting_hub.programs.Programs",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "texting_hub.bodies.LargeBodies",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "provisioning.second_factor_gate.SecondFactorMiddleware",
    "texting_hub.throttling.PageThrottleMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "texting_hub.urls"
ASGI_APPLICATION = "texting_hub.asgi.application"
WSGI_APPLICATION = "texting_hub.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "texting_hub.navigation.frame",
            ],
        },
    }
]

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'hub.sqlite3'}")}
DATABASES["default"]["ATOMIC_REQUESTS"] = False
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Writers queue up instead of failing: take the write lock at BEGIN, wait for it, read beside it (WAL).
        # A commit is on the disk before anybody is told (FULL): an accepted text, a STOP and `sending` survive a power
        # failure, or a text would be lost, or go out again.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
    }
else:
    DATABASES["default"]["ENGINE"] = "texting_hub.postgres"
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    PREPARED_STATEMENTS = env.bool("PREPARED_STATEMENTS", default=True)
    """Statements that accept a text are planned once a connection. Off behind a pooler that works by transaction."""
    if PREPARED_STATEMENTS:
        # These statements look for keys: the first plan is the right one, and trying others costs what is to be saved.
        _own = DATABASES["default"].setdefault("OPTIONS", {})
        _own["options"] = f"{_own.get('options', '')} -c plan_cache_mode=force_generic_plan".strip()

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "provisioning.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign_in"

AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = "provisioning.lock_out.counted_by"
AXES_USERNAME_FORM_FIELD = "username"
AXES_LOCKOUT_TEMPLATE = "texting_hub/locked_out.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_VERBOSE = False
AXES_USERNAME_CALLABLE = "provisioning.lock_out.attempted_name"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "email", "code", "credential", "key", "new_password", "again"]
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False

# django-allauth: its sign-in stages and second factors behind our own pages (provisioning/allauth_adapters.py).
ACCOUNT_ADAPTER = "provisioning.allauth_adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False
ACCOUNT_LOGIN_TIMEOUT = 600
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
MFA_ADAPTER = "provisioning.allauth_adapters.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RATE_LIMITS = False
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODE_DIGITS = 10
MFA_WEBAUTHN_USER_VERIFICATION = "required"

LANGUAGE_CODE = "en-us"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
EXPORT_DIR = DATA_DIR / "exports"

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Where each process keeps what it counts (messaging/measurements.py); prometheus-client knows it by this name.
METRICS_DIR = DATA_DIR / "metrics"
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)

REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": {"BACKEND": "texting_hub.cache.ForgivingRedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "texting_hub.cache.LocalCache"},
}

MAIL_SERVER = env.str("EMAIL_URL", default="")
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
if MAIL_SERVER:
    vars().update(env.email_url("EMAIL_URL"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="") or "Texting Hub <texting-hub@localhost>"

SECOND_FACTOR_REQUIRED = env.bool("SECOND_FACTOR_REQUIRED", default=True)
"""Administrators, compliance officers and provider operators sign in with a second factor, or set one up first."""

SESSION_ENGINE = "provisioning.session_store"
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = env.str("SESSION_COOKIE_NAME", default="sessionid")
CSRF_COOKIE_NAME = env.str("CSRF_COOKIE_NAME", default="csrftoken")
SESSION_COOKIE_AGE = 12 * 3600
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_REFERRER_POLICY = "same-origin"
# A health check, or Prometheus, inside the deployment speaks plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    MIDDLEWARE.insert(0, "texting_hub.proxy.client_address")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "worker-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

REQUESTS_AT_ONCE = env.int("REQUESTS_AT_ONCE", default=20)
"""Under uvicorn (texting_hub/places.py). Gunicorn has as many as it has threads."""
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
LARGEST_BODY = 11 * 1024 * 1024
"""The largest file (provisioning/csv_files.py) and the form around it; texting_hub/bodies.py reads nothing larger."""
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = LARGEST_BODY
"""Uploads stay in memory: no file of a user's lies about on disk."""
BACKUP_EXPECTED_HOURS = env.int("BACKUP_EXPECTED_HOURS", default=0 if DEMONSTRATION else 26)
"""Without a backup for so long an alert is raised (manage record_backup says that one was made). 0: nobody asks."""
MESSAGE_RETENTION_DAYS = 400
"""Fixed for everyone, as Cisco documents it. There is no setting for it in the portal."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "provisioning.tokens.TokenAuthentication",
        "provisioning.tokens.BrowserSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "provisioning.api_access.DeclaredAccess",
        "provisioning.client_version.SupportedClient",
    ],
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_RENDERER_CLASSES": ["texting_hub.api.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["texting_hub.api.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "texting_hub.api.CursorPagination",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "texting_hub.api.problem",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["texting_hub.throttling.ApiThrottle"],
    "DEFAULT_THROTTLE_RATES": {"api": "6000/min", "page": "1200/min", "sign_in": "30/min"},
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    # The address is REMOTE_ADDR (texting_hub/proxy.py sets it): a header that anybody can send decides nothing.
    "NUM_PROXIES": 0,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Texting Hub",
    "VERSION": "1",
    "DESCRIPTION": "Provisioning and messaging. Errors are RFC 9457 problem documents with a stable code.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    # One name for each set of words that several fields share.
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "provisioning.models.access.Role.values",
        "RuleActionEnum": "messaging.models.policy.RuleAction.choices",
        "NumberSourceEnum": "provisioning.models.numbers.NumberSource.values",
        "SourceEnum": [("user", "user"), ("location", "location"), ("organization", "organization")],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "texting_hub.openapi.describe_problems",
        "texting_hub.openapi.describe_client_version",
    ],
}

RELAY_LEASE_SECONDS = 60
CARRIER_TIMEOUT_SECONDS = 10
"""Connecting, writing and reading together. The lease must outlive it."""
SAME_TEXT_A_DAY = env.int("SAME_TEXT_A_DAY", default=50)
"""To how many people one number may send the same words (of 30 characters or more) a day, and an organization ten times
as many: more of it is spam to carriers."""
REGISTRY_TIMEOUT_SECONDS = 10
"""Each of connecting, writing and reading, when a brand or campaign is handed in or looked up."""
# auth.W004: e-mail is unique without regard to case, through User.email_key. models.W040: columns that only come along
# in an index are Postgres's; SQLite makes the index without them. The rest need HTTPS, which PUBLIC_URL decides.
_NEED_HTTPS = ["security.W004", "security.W008", "security.W012", "security.W016"]
SILENCED_SYSTEM_CHECKS = ["auth.W004", "models.W040", *([] if SECURE else _NEED_HTTPS)]

LOGGING = logging_settings(env.str("LOG_LEVEL", default="INFO"))
DJANGO_STRUCTLOG_CELERY_ENABLED = False
# By REMOTE_ADDR instead (texting_hub/request_log.py): headers that anybody can send are no address.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
CSRF_FAILURE_VIEW = "texting_hub.views.csrf_failure"

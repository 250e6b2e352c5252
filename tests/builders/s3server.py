"""A loopback S3 that holds a folder's files and asks for credentials.

Run by a Python that has moto, which need not be that of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUCKET = "reads"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/denied*"},
    ],
}


def python_with_moto() -> str | None:
    """Return the interpreter beside ``moto_server``; None if that is not installed."""
    beside = Path(sys.executable).with_name("moto_server")
    program = str(beside) if beside.exists() else shutil.which("moto_server")
    return None if program is None else str(Path(program).with_name("python"))


@contextmanager
def storing(folder: Path) -> Iterator[dict[str, str]]:
    """Store a folder's files in a bucket; give the environment that leads htslib there.

    Those whose name begins with ``denied`` may not be read.
    """
    python = python_with_moto()
    assert python is not None, "moto is not installed: pip install -e '.[s3test]'"
    alone = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    # Lest boto3 looks for credentials elsewhere.
    alone |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    with subprocess.Popen(
        [python, __file__, str(folder)],
        env=alone | {"AWS_DEFAULT_REGION": "us-east-1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            host, key, secret = server.stdout.readline().split()
            yield {
                "HTS_S3_HOST": host,
                "HTS_S3_ADDRESS_STYLE": "path",
                "HTS_RETRY_MAX": "0",
                "AWS_ACCESS_KEY_ID": key,
                "AWS_SECRET_ACCESS_KEY": secret,
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
            }
        finally:
            server.terminate()


def main(folder: Path) -> None:
    """Serve until the process is ended; print address, key id and secret first."""
    import signal

    import boto3
    import requests
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    s3, iam = (boto3.client(name, endpoint_url=address) for name in ("s3", "iam"))
    s3.create_bucket(Bucket=BUCKET)
    for file in folder.iterdir():
        s3.upload_file(str(file), BUCKET, file.name)
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(POLICY))
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    # From now on nobody is let in without.
    requests.post(f"{address}/moto-api/reset-auth", data=b"0", timeout=60).raise_for_status()
    print(f"{host}:{port}", made["AccessKeyId"], made["SecretAccessKey"], flush=True)  # noqa: T201
    signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""acrkit's emulator as a process of its own, with its control API."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

SDK = Path(__file__).resolve().parents[2]
SEED = SDK / "testdata" / "seed.yaml"
READY_LIMIT = 60.0  # seconds; the machine may be busy with other tests

# The passwords of the seed, which are public.
PULL = "sdk-pull-password-0000000000000001"
PUSH, PUSH_2 = "sdk-push-password-0000000000000004", "sdk-push-password-0000000000000005"
NAMES = "sdk-names-password-000000000000006"
TENANT, CLIENT, SECRET = (
    "11111111-1111-1111-1111-111111111111",
    "22222222-2222-2222-2222-222222222222",
    "sdk-application-secret-0000000001",
)


class Emulator:
    """A running emulator; host is its login server."""

    def __init__(self, folder: Path) -> None:
        self.ca = str(folder / "ca.pem")
        self.host: str = json.loads((folder / "connection.json").read_text())["loginServer"]
        self.url = "https://" + self.host
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = self.ca
        self._session.headers["Acrkit-Control-Key"] = (folder / "control-api.key").read_text().strip()
        self._seen = 0

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._session.request(method, f"{self.url}/_acrkit/v1{path}", json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def new_requests(self) -> list[str]:
        """Method and path of the requests since the last call, those for tokens included."""
        lines = []
        while True:
            page = self.control("GET", f"/decisions?after={self._seen}&limit=1000")
            assert not page["dropped"]
            self._seen = page["last"]
            lines += [f"{d['method']} {d['path']} {d['outcome']}" for d in page["decisions"]]
            if not page["more"]:
                return lines

    def count(self) -> int:
        return len(self.new_requests())

    def advance(self, by: str) -> None:
        self.control("POST", "/clock/advance", {"by": by})

    def reset(self) -> None:
        """Back to the machine's time, without faults and limits of lives."""
        self.control("DELETE", "/faults")
        self.control("DELETE", "/clock")
        self.control("PUT", "/lifetimes", {})
        self.new_requests()


@contextlib.contextmanager
def running(binary: str) -> Iterator[Emulator]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        output = open(Path(folder) / "output", "w+")  # noqa: SIM115
        command = [binary, "emulator", "start", "--addr", "127.0.0.1:0", "--seed", str(SEED), "--data", str(data)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield _when_ready(process, data, Path(folder) / "output")
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            output.close()


def _when_ready(process: subprocess.Popen[bytes], data: Path, output: Path) -> Emulator:
    end = time.monotonic() + READY_LIMIT
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, KeyError, requests.RequestException):
            emulator = Emulator(data)
            if requests.get(emulator.url + "/v2/", verify=emulator.ca, timeout=5).status_code == 401:
                emulator.new_requests()
                return emulator
        time.sleep(0.02)
    raise AssertionError(f"the emulator did not start:\n{output.read_text()}")


def binary() -> str:
    """The acrkit command: $ACRKIT_BINARY, or built from the sources beside this package."""
    path = os.environ.get("ACRKIT_BINARY")
    if not path:
        path = str(Path(tempfile.mkdtemp()) / "acrkit")
        subprocess.run(["go", "build", "-o", path, "./cmd/acrkit"], cwd=SDK.parent, check=True)
    return path

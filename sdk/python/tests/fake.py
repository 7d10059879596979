"""A server over TLS that answers as a test tells it, and the CA that vouches for it."""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Request(NamedTuple):
    method: str
    path: str  # with its query
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


class Answer(NamedTuple):
    status: int
    body: bytes | str | Iterator[bytes] = b""
    headers: Mapping[str, str] = {}


class Fake:
    """A server; answer says what each request gets, requests holds them all."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.url = "https://" + host
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer] = lambda _: Answer(200)

    def paths(self) -> list[str]:
        return [f"{r.method} {r.path}" for r in self.requests]


def jwt(**claims: Any) -> str:
    parts = ({"alg": "none"}, claims, {"not": "a signature"})
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)


_serial = iter(range(1 << 30))


def access_token(life: float = 3600, access: Any = None, **claims: Any) -> str:
    if access is not None:
        claims["access"] = access
    now = int(time.time())
    return jwt(
        iss="Azure Container Registry", grant_type="access_token", exp=now + int(life), n=next(_serial), **claims
    )


def token_answer(value: str, date: float | None = None, name: str = "access_token", **headers: str) -> Answer:
    headers.setdefault("Date", formatdate(time.time() if date is None else date, usegmt=True))
    return Answer(200, json.dumps({name: value}), {"Content-Type": "application/json", **headers})


def challenge(host: str, scope: str = "", error: str = "", realm: str = "") -> Answer:
    text = f'Bearer realm="{realm or f"https://{host}/oauth2/token"}",service="{host}"'
    text += f',scope="{scope}"' if scope else ""
    text += f',error="{error}"' if error else ""
    body = '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}\n'
    return Answer(401, body, {"WWW-Authenticate": text, "Content-Type": "application/json"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: Fake

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError, ValueError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _serve(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self.fake.requests.append(request)
        answer = self.fake.answer(request)
        if answer.status == 0:  # end the connection without an answer
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        content = answer.body.encode() if isinstance(answer.body, str) else answer.body
        for name, value in answer.headers.items():
            if value:
                self.send_header(name, value)
        if isinstance(content, bytes):
            if answer.status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)
        else:
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for part in content:
                self.wfile.write(part)
                self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that hang up are a part of the tests


@contextlib.contextmanager
def serving(certificate: Path) -> Iterator[Fake]:
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    fake = handler.fake = Fake(f"localhost:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A CA and a server's certificate with its key; both end with the day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acrkit tests")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = folder / "server.pem"
    both.touch(mode=0o600)
    both.write_bytes(pem + private)
    return folder / "ca.pem", both

"""Connects to ports of this machine under other names: probe.py CA.pem NAME PORT..."""

import socket
import ssl
import sys

context = ssl.create_default_context(cafile=sys.argv[1])
for name, port in zip(sys.argv[2::2], sys.argv[3::2]):
    try:
        with socket.create_connection(("127.0.0.1", int(port))) as s, context.wrap_socket(s, server_hostname=name):
            print(name, "accepted")
    except ssl.SSLCertVerificationError as e:
        print(name, "refused:", e.verify_message)

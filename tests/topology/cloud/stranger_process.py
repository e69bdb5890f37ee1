"""Something else that has the server's port. In: what it is, address, port. Out: a line when it listens."""

from __future__ import annotations

import socket
import ssl
import sys
import threading

HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def serve(what: str, handle: socket.socket, certificate: str) -> None:
    try:
        match what:
            case "silent":
                threading.Event().wait()
            case "hangs up":
                pass
            case "plain HTTP":
                handle.recv(4096)
                handle.sendall(HTTP)
            case "TLS 1.1":
                with context(certificate, ssl.TLSVersion.TLSv1_1).wrap_socket(handle, server_side=True):
                    pass
            case "another HTTPS":
                with context(certificate, None).wrap_socket(handle, server_side=True) as wrapped:
                    wrapped.recv(4096)
                    wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd")
            case "no HTTP":
                with context(certificate, None).wrap_socket(handle, server_side=True) as wrapped:
                    wrapped.recv(4096)
                    wrapped.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 3)
            case "endless HTTPS":
                with context(certificate, None).wrap_socket(handle, server_side=True) as wrapped:
                    wrapped.recv(4096)
                    wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
                    while True:
                        wrapped.sendall(b"x" * 65536)
    except OSError:
        pass
    finally:
        handle.close()


def context(certificate: str, only: ssl.TLSVersion | None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    if only is not None:
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version = ssl.TLSVersion.TLSv1
        made.maximum_version = only
    return made


def main() -> None:
    what, address, port, certificate = sys.argv[1:]
    listening = socket.create_server((address, int(port)))
    sys.stdout.write("up\n")
    sys.stdout.flush()
    while True:
        handle, _ = listening.accept()
        threading.Thread(target=serve, args=(what, handle, certificate), daemon=True).start()


main()

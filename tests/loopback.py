"""RecBole's server of data sets, played by a server on the loopback address."""

import io
import random
import threading
import urllib.request
import zipfile
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST, PATH = "recbole.s3-accelerate.amazonaws.com", "/ProcessedDatasets/MovieLens/ml-1m.zip"
AGES = (1, 18, 25, 35, 45, 50, 56)


def opener(port):
    """Return what opens every https address at a port of the loopback address, unencrypted."""

    class ToLoopback(urllib.request.HTTPSHandler):
        def https_open(self, request):
            def connection(host, timeout):
                return HTTPConnection("127.0.0.1", port, timeout=timeout)

            return self.do_open(connection, request)

    return urllib.request.build_opener(urllib.request.ProxyHandler({}), ToLoopback)


def site(folder, port):
    """Write what makes a Python process that has ``folder`` on its path use :func:`opener`."""
    here = str(Path(__file__).resolve().parent)
    Path(folder, "sitecustomize.py").write_text(
        f"import sys\nsys.path.append({here!r})\nimport loopback, urllib.request\n"
        f"urllib.request.install_opener(loopback.opener({port}))\n"
    )


def ml_1m(users=70, items=30):
    """Return small files in the layout of RecBole's ml-1m.zip: name and content."""
    rng = random.Random(1)
    inter = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    user = ["user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token"]
    item = ["item_id:token\tmovie_title:token_seq\trelease_year:token\tgenre:token_seq"]
    for number in range(1, users + 1):
        user.append(f"{number}\t{AGES[number % 7]}\tF\t10\t48067")
        seen = {number % items, *rng.sample(range(items), 10)}
        inter += [f"{number}\t{i + 1}\t{rng.randint(1, 5)}\t{978300000 + i}" for i in seen]
    genres = ("Comedy", "Drama", "Animation Children's Comedy")
    item += [f"{i + 1}\tA Film, The\t1995\t{genres[i % 3]}" for i in range(items)]
    tables = {"inter": inter, "user": user, "item": item}
    return {f"ml-1m.{suffix}": "\n".join(lines) + "\n" for suffix, lines in tables.items()}


def zipped(files):
    """Return a zip archive of names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@contextmanager
def served(answer):
    """Serve every request by ``answer(handler)`` until the block ends; yield the server.

    ``server.asked`` lists host and path of the requests, ``server.over`` is set at the end, for
    answers that wait.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.headers["Host"], self.path))
            answer(self)

        do_CONNECT = do_GET  # what a proxy is asked

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.over = [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def send(handler, body, size=None, status=200, **headers):
    """Send an answer; ``size`` is what it says of itself, by default the truth, none for 0."""
    handler.send_response(status)
    size = len(body) if size is None else size
    told = {"Content-Type": "application/zip", **({"Content-Length": size} if size else {})}
    for key, value in {**told, **headers}.items():
        handler.send_header(key, str(value))
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()

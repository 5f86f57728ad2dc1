"""Writes c570.bodies.jsonl: messages, events and results in every encoding that
Celery and kombu know, as they themselves put them into a Redis of its own.

    pip install "celery[redis,yaml,msgpack,brotli,auth]==5.7.0" backports.zstd
    python make_bodies.py path/to/redis-server > c570.bodies.jsonl
"""

import base64
import datetime
import decimal
import json
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import redis
from celery import Celery, chain
from celery.security.serialization import register_auth
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

AT = datetime.datetime(2026, 11, 20, 8, 19, 11, 985384, tzinfo=datetime.timezone.utc)
# What every serializer can write, and what some can.
PLAIN = ["ü\n'\"", 1, -2.5, None, True, [1, [2, {"k": "v"}]], "", "yes", "0x1f", "12:30", "~", "1_000", 2**53]
TYPED = [AT, AT.date(), decimal.Decimal("1.10"), uuid.UUID(int=5), b"\xff\xfe", b"text"]
SERIALIZERS = {
    "json": PLAIN + TYPED + [2**70, float("nan"), float("-inf")],
    "yaml": PLAIN + [AT, AT.date(), b"\xff\xfe", 2**70, float("inf")],
    "msgpack": PLAIN + [b"\xff\xfe", 2**63, -(2**63), float("nan")],
    "pickle": PLAIN + TYPED,
    "auth": PLAIN,
}
COMPRESSIONS = ["zlib", "bzip2", "lzma", "brotli", "zstd"]


def sign(folder):
    """Makes a key and a certificate and registers the serializer that signs with them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(AT - datetime.timedelta(days=3650))
        .not_valid_after(AT + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    store = f"{folder}/lab.pem"
    pem = made.public_bytes(serialization.Encoding.PEM)
    with open(store, "wb") as file:
        file.write(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    register_auth(key=private.decode(), cert=pem.decode(), store=store)


def payload(data):
    try:
        return {"payload": data.decode()}
    except UnicodeDecodeError:
        return {"payload": base64.b64encode(data).decode(), "encoding": "base64"}


def emit(**line):
    print(json.dumps(line, ensure_ascii=True))


def make_app(port, **conf):
    app = Celery(
        "lab",
        broker=f"redis://127.0.0.1:{port}/0",
        backend=f"redis://127.0.0.1:{port}/1",
        set_as_current=True,
    )
    app.conf.update(
        accept_content=["json", "yaml", "msgpack", "pickle", "auth"],
        result_extended=True,
        **conf,
    )

    @app.task(name="lab.add")
    def add(*args, **kwargs):
        return args

    return app, add


def messages(client, app, add):
    """One message for each serializer, and one for each compression."""
    tail = chain(add.s(1), add.s(2), add.s(3))
    cases = [(name, None) for name in SERIALIZERS]
    cases += [("json", name) for name in COMPRESSIONS]
    cases += [("yaml", "zstd"), ("msgpack", "lzma"), ("pickle", "brotli")]
    for serializer, compression in cases:
        # PyYAML's safe writer knows no signatures.
        has_links = compression is None and serializer != "yaml"
        options = {"link": add.s(10), "link_error": add.s(11)} if has_links else {}
        add.apply_async(
            SERIALIZERS[serializer],
            {"user": {"email": "a@example.org"}, "serializer": serializer},
            queue="parked",
            serializer=serializer,
            compression=compression,
            task_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{serializer} {compression}")),
            **options,
        )
    everything = add.s("everything")
    everything.stamp(customer="acme")
    everything.apply_async(
        queue="parked",
        task_id=str(uuid.uuid5(uuid.NAMESPACE_URL, "everything")),
        time_limit=30,
        soft_time_limit=2.5,
        ignore_result=True,
        group_id="g1",
        group_index=3,
        shadow="seen",
        headers={"periodic_task_name": "every minute"},
    )
    tail.apply_async(queue="parked", task_id=str(uuid.uuid5(uuid.NAMESPACE_URL, "chain")))
    emit(
        kind="key",
        db=0,
        key="parked",
        type="list",
        pttl=-1,
        payload=[element.decode() for element in client.lrange("parked", 0, -1)],
    )


def events(client, app):
    """One event for each serializer."""
    listener = client.pubsub()
    listener.psubscribe("/0.celeryev/*")
    listener.get_message(timeout=5)
    for serializer in ["json", "yaml", "msgpack", "pickle"]:
        app.conf.event_serializer = serializer
        with app.connection_for_write() as connection:
            with app.events.Dispatcher(connection, hostname="w1@lab") as dispatcher:
                dispatcher.serializer = serializer
                dispatcher.send("task-received", uuid="u1", name="lab.add", args="('ü',)", retries=0)
        while (message := listener.get_message(timeout=1)) is not None:
            if message["type"] == "pmessage" and b"task.received" in message["channel"]:
                emit(
                    kind="pubsub",
                    t=time.time(),
                    channel=message["channel"].decode(),
                    **payload(message["data"]),
                )
                break


def results(port):
    """One result for each serializer, and one for each compression."""
    cases = [(name, None) for name in ["json", "yaml", "msgpack", "pickle"]]
    cases += [("json", name) for name in COMPRESSIONS] + [("msgpack", "zstd"), ("pickle", "zlib")]
    client = redis.Redis(port=port, db=1)
    for serializer, compression in cases:
        app, _ = make_app(port, result_serializer=serializer, result_compression=compression)
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"result {serializer} {compression}"))
        app.backend.store_result(name, SERIALIZERS[serializer], "SUCCESS")
        key = f"celery-task-meta-{name}"
        emit(kind="key", db=1, key=key, type="string", pttl=86400000, **payload(client.get(key)))


def main():
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        server = subprocess.Popen(
            [sys.argv[1], "--port", str(port), "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            client = redis.Redis(port=port)
            for _ in range(100):
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.05)
            app, add = make_app(port)
            sign(folder)
            messages(client, app, add)
            events(client, app)
            results(port)
        finally:
            server.terminate()
            server.wait()


main()

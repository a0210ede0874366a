"""Reads every job back, from the server's two kinds of queue."""

from __future__ import annotations

import io
import pickle

import resp
from checker import Job

# In one pipeline, so that neither side has to hold everything at once.
BATCH = 1_000


class _PlainUnpickler(pickle.Unpickler):
    """A job's data are texts, numbers, lists and mappings; anything else is refused."""

    def find_class(self, module: str, name: str):
        raise pickle.UnpicklingError(f"{module}.{name} in a job")


async def read_jobs(port: int, queue: str) -> list[Job]:
    """All jobs of the queue that `QUEUE` names, or of a partition of it."""
    kind, _, name = queue.partition(":")
    client = await resp.Client.connect(port)
    try:
        return await (_read_rq if kind == "rq" else _read_stream)(client, name)
    finally:
        await client.close()


async def _read_stream(client: resp.Client, key: str) -> list[Job]:
    jobs, start = [], "-"
    while True:
        entries = await client.command("XRANGE", key, start, "+", "COUNT", BATCH)
        if not entries:
            return jobs
        for _, pairs in entries:
            fields = _fields(pairs)
            jobs.append(
                Job(fields["id"], int(fields["amount"]), int(fields["user_id"]),
                    fields["currency"])
            )  # fmt: skip
        start = "(" + entries[-1][0].decode()


async def _read_rq(client: resp.Client, name: str) -> list[Job]:
    """The jobs of the list, and the hashes that no list names: those are unreachable for workers,
    and are reported as jobs that nobody asked for."""
    ids = [id.decode() for id in await client.command("LRANGE", f"rq:queue:{name}", 0, -1)]
    jobs = []
    for first in range(0, len(ids), BATCH):
        batch = ids[first : first + BATCH]
        hashes = await client.pipeline([("HGETALL", f"rq:job:{id}") for id in batch])
        jobs += [_rq_job(id, _fields(pairs)) for id, pairs in zip(batch, hashes)]
    keys = await client.command("KEYS", "rq:job:*")
    listed = {f"rq:job:{id}" for id in ids}
    strays = [key.decode() for key in keys if key.decode() not in listed]
    return jobs + [Job(f"{key}, in no queue", None, None, None) for key in strays]


def _rq_job(id: str, fields: dict[str, str]) -> Job:
    if "data" not in fields:
        return Job(f"{id}, without its hash", None, None, None)
    data = fields["data"].encode("latin-1")
    _, _, _, arguments = _PlainUnpickler(io.BytesIO(data)).load()
    return Job(id, arguments["amount"], arguments["user_id"], arguments["currency"])


def _fields(pairs: list[bytes]) -> dict[str, str]:
    """A flat list of names and values; latin-1 keeps every byte of a value."""
    texts = [item.decode("latin-1") for item in pairs]
    return dict(zip(texts[::2], texts[1::2]))

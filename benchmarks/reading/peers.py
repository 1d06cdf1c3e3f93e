"""Read one layout with one reader, in a process of its own: `python -m benchmarks.reading.peers READER FOLDER` prints what it took."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

READERS = ("tb_lossdiag", "Rust data server", "EventAccumulator", "tbparse", "EventFileLoader", "C parse", "C scan")
SLOW = ("EventAccumulator", "tbparse")


def ours(folder: Path) -> Callable[[Path], int]:
    from tb_lossdiag.reader import Log

    del folder

    def read(folder: Path) -> int:
        logs = []
        for each in sorted({path.parent for path in folder.rglob("*tfevents*")}):
            log = Log(each)
            log.poll()
            logs.append(log)
        columns = [tail.columns for log in logs for tail in log._tails]
        scalars = sum(len(column.steps) for each in columns for column in each.scalars.values())
        return scalars + sum(len(column.values) for each in columns for column in each.packed.values())

    return read


def accumulator(folder: Path) -> Callable[[Path], int]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    del folder

    def read(folder: Path) -> int:
        found = 0
        for path in folder.rglob("*tfevents*"):
            each = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0}).Reload()
            found += sum(len(each.Scalars(tag)) for tag in each.Tags()["scalars"])
            found += sum(len(each.Tensors(tag)) for tag in each.Tags()["tensors"])
        return found

    return read


def tbparse(folder: Path) -> Callable[[Path], int]:
    from tbparse import SummaryReader

    del folder
    return lambda folder: len(SummaryReader(str(folder), extra_columns={"wall_time"}).scalars)


def loader(folder: Path) -> Callable[[Path], int]:
    """TensorBoard's own loader of events, with their tensors turned into arrays."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    del folder

    def read(folder: Path) -> int:
        found = 0
        for path in folder.rglob("*tfevents*"):
            for event in EventFileLoader(str(path)).Load():
                found += sum(tensor_util.make_ndarray(each.tensor).size for each in event.summary.value)
        return found

    return read


def server(folder: Path) -> dict[str, float]:
    """The Rust server's own CPU and memory, with the client's CPU beside it; all scalars at full resolution."""
    import grpc
    import tensorboard_data_server
    from tensorboard.context import RequestContext
    from tensorboard.data.grpc_provider import GrpcDataProvider
    from tensorboard.data.proto import data_provider_pb2_grpc
    from tensorboard.data.provider import RunTagFilter

    with tempfile.TemporaryDirectory() as scratch:
        port = Path(scratch) / "port"
        command = [
            tensorboard_data_server.server_binary(), "--logdir", str(folder), "--port", "0", "--port-file", str(port), "--reload", "once",
            "--samples-per-plugin", "scalars=all", "--checksum", "--die-after-stdin",
        ]  # fmt: skip
        began, client = time.perf_counter(), time.process_time()
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        while not port.exists() or not port.read_text().strip():
            time.sleep(0.005)
        channel = grpc.secure_channel(
            f"localhost:{port.read_text().strip()}",
            grpc.local_channel_credentials(),
            options=[("grpc.max_receive_message_length", 1 << 30)],
        )
        provider = GrpcDataProvider("", data_provider_pb2_grpc.TensorBoardDataProviderStub(channel))
        asked = {"ctx": RequestContext(), "experiment_id": "", "plugin_name": "scalars"}
        found = before = -1
        while found != before or found <= 0:  # it says nowhere that it has read all: until nothing comes any more
            before = found
            _rest_until_idle(process.pid)
            listed = provider.list_scalars(**asked)
            found = 0
            for run, tags in listed.items():
                wanted = RunTagFilter(runs=[run], tags=list(tags))
                answer = provider.read_scalars(**asked, downsample=1 << 30, run_tag_filter=wanted)
                found += sum(len(each) for each in answer.get(run, {}).values())
            if before == -1:
                wall, client = time.perf_counter() - began, time.process_time() - client
                cpu = _cpu(process.pid)
        memory = next(
            int(line.split()[1])
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()
    return {"values": found, "cpu": cpu, "client": client, "wall": wall, "memory": memory * 1024}


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rest_until_idle(pid: int) -> None:
    """Wait until the process uses no more CPU."""
    used = -1.0
    while (now := _cpu(pid)) != used or now == 0:
        used = now
        time.sleep(0.1)


def in_c(reader: str, folder: Path) -> dict[str, float] | None:
    program = folder.parent / "scan"
    if not program.exists():
        source = Path(__file__).with_name("scan.c")
        made = subprocess.run(
            ["cc", "-O3", "-msse4.2", str(source), "-o", str(program)], check=False, capture_output=True
        )
        if made.returncode:
            return None
    (path,) = folder.rglob("*tfevents*")
    done = subprocess.run([str(program), reader[2:], str(path)], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def measured(reader: str, folder: Path) -> dict[str, float] | None:
    if reader == "Rust data server":
        return server(folder)
    if reader.startswith("C "):
        return in_c(reader, folder)
    makers = {"tb_lossdiag": ours, "EventAccumulator": accumulator, "tbparse": tbparse, "EventFileLoader": loader}
    read = makers[reader](folder)
    warm = folder.parent / "warm"
    if warm.exists():
        read(warm)  # what is imported, compiled or looked up once is no cost of reading
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    values = read(folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"values": values, "cpu": cpu, "wall": wall, "memory": memory * 1024}


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]))))

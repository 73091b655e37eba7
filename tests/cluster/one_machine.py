"""A real SLURM on this machine, for tests: munged, slurmctld and slurmd in a folder of their own, two pretend GPUs.

Its node claims more cores and memory than the machine has, so that jobs may ask for what profiles/ intend.
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
CLIENTS = ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo", "sacct")
GPUS = 2
CORES = 64
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={slurmd_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={base}/run/munge.sock
CredType=cred/munge
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool
SlurmctldPidFile={base}/run/slurmctld.pid
SlurmdPidFile={base}/run/slurmd.pid
SlurmctldLogFile={base}/log/slurmctld.log
SlurmdLogFile={base}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=2,sched_min_interval=0
MpiDefault=none
MailProg=/bin/true
SwitchType=switch/none
ReturnToService=2
MinJobAge=300
KillWait={kill_wait}
SlurmdTimeout={slurmd_timeout}
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} Boards=1 SocketsPerBoard=1 CoresPerSocket={cores} ThreadsPerCore=1 \
RealMemory=512000 Gres=gpu:a100:{gpus} Feature=cpu,a100 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=2-00:00:00 DefMemPerCPU=256 State=UP
PartitionName=gpu Nodes={host} Default=NO MaxTime=2-00:00:00 DefMemPerCPU=256 State=UP
"""


def missing(install: bool) -> str | None:
    """Why there can be no cluster here, or None; install: SLURM may be installed."""
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "needs snakemake-executor-plugin-slurm: pip install '.[slurm]'"
    if os.geteuid() != 0:
        return "a test cluster needs root"
    if all(shutil.which(name) for name in PROGRAMS):
        return None
    if not install:
        return "needs SLURM: make check-slow installs it, as does pytest --install-slurm"
    if shutil.which("apt-get") is None:
        return f"needs {', '.join(PROGRAMS)}, and there is no apt-get to install them"
    subprocess.run(["apt-get", "update"], capture_output=True, check=False, timeout=300)
    install = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False, timeout=600)
    return None if done.returncode == 0 else f"SLURM cannot be installed: {done.stderr.strip()[-300:]}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """A running cluster in `base`.

    Attributes:
        bin: folder of wrappers for the client commands. Snakemake's jobs drop SLURM_CONF from their environment, so the
            commands have to bring it themselves.
    """

    def __init__(self, base: Path, kill_wait: int = 30, slurmd_timeout: int = 300) -> None:
        self.base, self.bin = base, base / "bin"
        self._config = base / "slurm.conf"
        self._host = socket.gethostname().split(".")[0]
        self._limits = {"kill_wait": kill_wait, "slurmd_timeout": slurmd_timeout}

    def start(self) -> None:
        """Write the configuration and start all three daemons; ready when the node is idle."""
        for name in ("run", "state", "spool", "log", "bin"):
            (self.base / name).mkdir(parents=True)
        ports = {"ctld_port": _free_port(), "slurmd_port": _free_port()}
        text = CONFIG.format(base=self.base, host=self._host, cores=CORES, gpus=GPUS, **ports, **self._limits)
        self._config.write_text(text)
        # Each device file counts as one GPU; regular files do not.
        gpus = f"AutoDetect=off\nNodeName={self._host} Name=gpu Type=a100 File=/dev/null,/dev/zero\n"
        (self.base / "gres.conf").write_text(gpus)
        for name in CLIENTS:
            self._wrap(name)
        self._start_munge()
        self._daemon("slurmctld", "-c")
        self.start_node()

    def _wrap(self, name: str) -> None:
        found = shutil.which(name)
        if found is not None:
            wrapper = self.bin / name
            wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={self._config} exec {found} "$@"\n')
            wrapper.chmod(0o755)

    def _start_munge(self) -> None:
        key = self.base / "run" / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        run, log = self.base / "run", self.base / "log"
        options = {"key-file": key, "socket": run / "munge.sock", "pid-file": run / "munged.pid",
                   "log-file": log / "munged.log", "seed-file": run / "munge.seed"}  # fmt: skip
        self._call("munged", *(f"--{name}={path}" for name, path in options.items()), "--force")

    def _daemon(self, *command: str) -> None:
        self._call(*command, environment={"SLURM_CONF": str(self._config)})

    def _call(self, *command: str, environment: dict[str, str] | None = None) -> None:
        subprocess.run(command, env=os.environ | (environment or {}), check=True, capture_output=True, timeout=30)

    def start_node(self) -> None:
        """Start slurmd and wait until the node takes jobs."""
        self._daemon("slurmd", "-c")
        self.wait_for(lambda: self.ask("sinfo", "-h", "-o", "%T").strip() in ("idle", "mixed"), 30, "an idle node")

    def vanish(self) -> None:
        """What the cluster sees of a node that loses its power: slurmd, its job steps and their processes are gone."""
        pids = [pid for pid in _processes() if _belongs(pid, str(self.base), ("slurmd", "slurmstepd"))]
        for pid in [self._pid("slurmd"), *pids, *_descendants(pids)]:
            _kill(pid)

    def stop(self) -> None:
        """End jobs and daemons."""
        self.ask("scancel", "--user=root")
        deadline = time.monotonic() + 10
        while self.ask("squeue", "-h").strip() and time.monotonic() < deadline:
            time.sleep(0.3)
        for name in ("slurmd", "slurmctld", "munged"):
            _kill(self._pid(name), signal.SIGTERM)
        for pid in [pid for pid in _processes() if _belongs(pid, str(self.base), ("slurmstepd",))]:
            _kill(pid)

    def _pid(self, name: str) -> int | None:
        path = self.base / "run" / f"{name}.pid"
        return int(path.read_text()) if path.is_file() else None

    def ask(self, *command: str) -> str:
        """What a client command prints; empty when it fails or hangs, as it does while slurmctld is down."""
        try:
            done = subprocess.run(
                [str(self.bin / command[0]), *command[1:]], capture_output=True, text=True, check=False, timeout=20
            )
        except subprocess.TimeoutExpired:
            return ""
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Every job that the controller remembers, as `scontrol show job` says; newest last."""
        texts = self.ask("scontrol", "--oneliner", "show", "job").splitlines()
        found = [dict(re.findall(r"(\S+?)=(\S*)", text)) for text in texts if "JobId=" in text]
        return sorted(found, key=lambda job: int(job["JobId"]))

    def jobs_of(self, rule: str) -> list[dict[str, str]]:
        """The jobs of one rule, or of one group, whose name the plugin follows by its rules' in the comment."""
        return [job for job in self.jobs() if re.match(rf"rule_{rule}(_|$)", job.get("Comment", ""))]

    @staticmethod
    def wait_for(condition, seconds: float, what: str) -> None:
        """Poll until the condition holds; an assertion names what was awaited."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
            time.sleep(0.2)


def mebibytes(job: dict[str, str]) -> int:
    """The memory that a job asked for; SLURM prints 32000M, and 62.50G for twice that."""
    number, unit = float(job["MinMemoryNode"][:-1]), job["MinMemoryNode"][-1]
    return int(number * {"M": 1, "G": 1024}[unit])


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _belongs(pid: int, base: str, names: tuple[str, ...]) -> bool:
    """Whether a process is one of these daemons, of the cluster in `base`."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        about = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return name in names and base.encode() in about


def _descendants(pids: list[int]) -> list[int]:
    parents = {}
    for pid in _processes():
        try:
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, waiting = [], list(pids)
    while waiting:
        parent = waiting.pop()
        children = [pid for pid, above in parents.items() if above == parent]
        found += children
        waiting += children
    return found


def _kill(pid: int | None, number: signal.Signals = signal.SIGKILL) -> None:
    if pid is not None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

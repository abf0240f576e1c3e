"""Make `.venv`, install the locked requirements, build the Cython extensions.

Runs on the machine's own Python with nothing but the standard library; every
`make` target calls it first. It does only what has changed since last time.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV_VERSION = "0.13.9"
PYTHON_MIN = (3, 11)
EXTENSION_SOURCES = ("*.pyx", "*.pxd", "*.h")
EXTENSION_PACKAGES = ("venues", "risk", "trading", "strategies", "backtests")


def fail(message: str, remedy: str) -> None:
    """End with one line that says what is missing and how to get it."""
    sys.exit(f"mexoms: {message}. On Debian: {remedy}")


def check_machine() -> None:
    """Refuse a machine without Python 3.11, its venv and headers, or a C compiler."""
    if sys.version_info < PYTHON_MIN:
        fail(
            f"Python {'.'.join(map(str, PYTHON_MIN))} or newer is needed, this is {sys.version.split()[0]}",
            "apt-get install python3.11 python3.11-venv python3.11-dev, then make PYTHON=python3.11",
        )
    try:
        import ensurepip  # noqa: F401  (Debian ships Python without it unless python3-venv is there)
    except ImportError:
        fail("Python's venv module is missing", "apt-get install python3-venv")
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        fail("the Python headers are missing", "apt-get install python3-dev")
    if not shutil.which(os.environ.get("CC", "cc")) and not shutil.which("gcc"):
        fail("a C compiler is missing", "apt-get install build-essential")


def digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 over names and contents of the files."""
    total = hashlib.sha256(sys.version.encode())
    for path in sorted(paths):
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def run(*command: str | Path) -> None:
    """Run a step; its own output explains a failure, so end without a traceback."""
    result = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if result.returncode != 0:
        sys.exit(f"mexoms: this step failed: {' '.join(str(part) for part in command)}")


def ensure_environment(venv: Path, lock: Path) -> None:
    """Create the virtual environment and sync it to the hash-locked file."""
    stamp = venv / ".lock-digest"
    wanted = digest([lock])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    python = venv / "bin" / "python"
    if not python.exists():
        print(f"mexoms: making {venv.name}", flush=True)
        run(sys.executable, "-m", "venv", venv)
    uv = venv / "bin" / "uv"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"uv=={UV_VERSION}")
    print(f"mexoms: installing {lock.name}", flush=True)
    # Compiled once here: where Python may not write bytecode, every start of every process
    # would compile it all again.
    options = ("--quiet", "--compile-bytecode", "--require-hashes")
    run(uv, "pip", "install", *options, "--python", python, "-r", lock)
    stamp.write_text(wanted)


def ensure_extensions(venv: Path) -> None:
    """Build the Cython extensions when the content of any source has changed."""
    # The lock counts: extensions are compiled against packages in it.
    sources = [ROOT / "setup.py", ROOT / "requirements.lock"]
    for package in EXTENSION_PACKAGES:
        for pattern in EXTENSION_SOURCES:
            sources.extend((ROOT / package).rglob(pattern))
    stamp = ROOT / "build" / "extensions-digest"
    wanted = digest(sources)
    if stamp.exists() and stamp.read_text() == wanted and extensions_present():
        return
    print("mexoms: building the Cython extensions", flush=True)
    run(venv / "bin" / "python", "setup.py", "--quiet", "build_ext", "--inplace", "--parallel", "2")
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(wanted)


def compile_sources(venv: Path) -> None:
    """Compile our own modules whose source is newer than their bytecode."""
    packages = [ROOT / name for name in ("mexoms", "accounts", *EXTENSION_PACKAGES)]
    run(venv / "bin" / "python", "-m", "compileall", "-q", *packages)


def extensions_present() -> bool:
    """Return whether every `.pyx` has its compiled module beside it."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return all(
        path.with_name(path.stem + suffix).exists()
        for package in EXTENSION_PACKAGES
        for path in (ROOT / package).rglob("*.pyx")
    )


def main() -> None:
    """Bring the environment up to date; a lock lets two `make`s run side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also the test and lint tools")
    parser.add_argument(
        "--clients", action="store_true", help="only .venv-clients, for tests with real clients"
    )
    options = parser.parse_args()
    check_machine()
    with (ROOT / ".bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if options.clients:
            ensure_environment(ROOT / ".venv-clients", ROOT / "requirements-clients.lock")
            return
        # The development lock holds the runtime one, so a checkout that has it keeps it.
        dev = options.dev or (ROOT / ".venv" / ".dev").exists()
        ensure_environment(ROOT / ".venv", ROOT / ("requirements-dev.lock" if dev else "requirements.lock"))
        if dev:
            (ROOT / ".venv" / ".dev").touch()
        ensure_extensions(ROOT / ".venv")
        compile_sources(ROOT / ".venv")


if __name__ == "__main__":
    main()

"""Build the Cython extensions in place; everything else is plain Python.

Directives live here alone. Bounds checks stay on: the hot loops work on C
pointers, which they do not touch, so they cost nothing where it matters.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
PACKAGES = ("venues", "risk", "trading", "strategies", "backtests")


def extensions() -> list[Extension]:
    """Return one extension for each Cython source, named as its module."""
    sources = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.pyx"))
    return [
        Extension(
            ".".join(path.relative_to(ROOT).with_suffix("").parts),
            [str(path.relative_to(ROOT))],
            include_dirs=["venues"],
            extra_compile_args=["-O3", "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter"],
        )
        for path in sources
    ]


setup(
    name="mexoms-extensions",
    # Nothing is installed: the extensions are built beside their sources.
    packages=[],
    ext_modules=cythonize(
        extensions(),
        nthreads=2,
        language_level=3,
        compiler_directives={
            "boundscheck": True,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
        },
    ),
)

"""What the corpus needs beside this project's own requirements: system packages and training-only Python packages."""

import importlib
import subprocess
from functools import cache
from importlib import metadata
from types import ModuleType

from facetalk.errors import UserError

REQUIREMENTS = "requirements-training.txt"


@cache
def system_package_version(package: str) -> str:
    """The installed version of a Debian or Ubuntu package, such as ``2.2-5``.

    Raises:
        UserError: it is not installed.
    """
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package]
    try:
        printed = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        printed = ""
    status, _, version = printed.partition(" ")
    if status != "installed":
        raise missing_system_package(package)
    return version


def missing_system_package(package: str) -> UserError:
    """The error that names a missing system package and the command that installs it."""
    return UserError(f"The system package {package} is not installed: run apt-get install {package}.")


def python_package_version(package: str) -> str:
    """The installed version of a Python package of `REQUIREMENTS`.

    Raises:
        UserError: it is not installed.
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise _missing_python_package(package) from None


def python_module(module: str, package: str) -> ModuleType:
    """Import ``module`` of a Python package of `REQUIREMENTS`.

    Raises:
        UserError: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise _missing_python_package(package) from None


def _missing_python_package(package: str) -> UserError:
    return UserError(f"The Python package {package} is not installed: run pip install -r {REQUIREMENTS}.")

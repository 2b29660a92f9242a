"""Software from Maven: a pinned version, checked against the checksums that it was published with."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from infra.trouble import TroubleError

if TYPE_CHECKING:
    from collections.abc import Sequence

JAVA_VERSION = 17
FETCH_SECONDS = 900.0  # 100 MB over a slow line
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_PROJECT = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>murmuration</groupId><artifactId>servers</artifactId><version>1</version>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def copy_dependencies(artifacts: Sequence[str], folder: Path) -> None:
    """Copy artifacts (group:artifact:version) and all that they need at run time into the folder."""
    dependencies = "".join(_DEPENDENCY.format(*artifact.split(":")) for artifact in artifacts)
    with tempfile.TemporaryDirectory() as project:
        (Path(project) / "pom.xml").write_text(_PROJECT.format(dependencies=dependencies))
        goal = f"{_PLUGIN}:copy-dependencies"
        _maven(project, goal, "-DincludeScope=runtime", f"-DoutputDirectory={folder.absolute()}")


def copy(artifact: str, folder: Path) -> None:
    """Copy one artifact (group:artifact:version:packaging[:classifier]) into the folder."""
    with tempfile.TemporaryDirectory() as project:
        (Path(project) / "pom.xml").write_text(_PROJECT.format(dependencies=""))
        _maven(project, f"{_PLUGIN}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder.absolute()}")


def _maven(project: str, *arguments: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise TroubleError("there is no mvn on the PATH", "install Maven, for example `apt-get install maven`")
    run = [maven, "--quiet", "--batch-mode", "--strict-checksums", *arguments]
    done = subprocess.run(run, check=False, cwd=project, capture_output=True, text=True, timeout=FETCH_SECONDS)  # noqa: S603 - constants
    if done.returncode:
        reason = next((line for line in done.stdout.splitlines() if "ERROR" in line), "it did not say why")
        raise TroubleError(f"Maven cannot fetch {arguments[-2]}: {reason}", "see that Maven reaches its repository")


def java() -> str:
    """Return the path of a Java that runs these servers."""
    program = shutil.which("java")
    remedy = f"install Java {JAVA_VERSION}, for example `apt-get install openjdk-{JAVA_VERSION}-jre-headless`"
    if program is None:
        raise TroubleError("there is no java on the PATH", remedy)
    said = subprocess.run([program, "-version"], check=False, capture_output=True, text=True).stderr  # noqa: S603
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < JAVA_VERSION:
        raise TroubleError(f"{program} is {said.splitlines()[0] if said else 'silent'}", remedy)
    return program

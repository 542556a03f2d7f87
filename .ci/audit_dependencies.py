"""Asks an advisory service about every pinned dependency: what is known to be vulnerable fails the build.

    python .ci/audit_dependencies.py PIP_AUDIT CONSTRAINTS

A network that reaches package registries alone reaches no such service. Then nothing was audited, and one
line says so. `pip-audit` itself would call that "no known vulnerabilities".
"""

import json
import subprocess
import sys
from typing import Any

SERVICES = ("pypi", "osv")
_SECONDS = 300


def ask(program: str, constraints: str, service: str) -> list[dict[str, Any]]:
    """Return what a service says of each dependency; nothing where it cannot be reached."""
    command = [program, "--requirement", constraints, "--no-deps", "--disable-pip", "--timeout", "15"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)  # noqa: S603
        return list(json.loads(done.stdout)["dependencies"])
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        # It ends without JSON where its service cannot be reached.
        return []


def judge(found: list[dict[str, Any]]) -> tuple[str, bool] | None:
    """Return what to say of a service's reply, and whether all is well; None where it knew no dependency."""
    audited = [dependency for dependency in found if "vulns" in dependency]
    if not audited:
        return None
    unknown = len(found) - len(audited)
    counts = f"{len(audited)} dependencies audited, {unknown} unknown to the service"
    lines = [
        f"{dependency['name']} {dependency['version']}: {vulnerability['id']}"
        + (f", mended in {', '.join(fixes)}" if (fixes := vulnerability.get("fix_versions")) else "")
        for dependency in audited
        for vulnerability in dependency["vulns"]
    ]
    return "\n".join([*lines, f"audit of dependencies: {counts}, {len(lines)} vulnerabilities"]), not lines


def main(program: str, constraints: str) -> int:
    """Audit, and return the exit code: 1 where a vulnerability is known."""
    for service in SERVICES:
        judged = judge(ask(program, constraints, service))
        if judged is not None:
            print(judged[0])
            return 0 if judged[1] else 1
    print("audit of dependencies: SKIPPED, no advisory service can be reached; nothing was audited")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))

"""Known vulnerabilities of what cuda.lock (cpu.lock is a part of it) and dev.lock pin: ``make audit``.

Fails where pip-audit knows of one that ``ignored_vulnerabilities.yaml`` does not explain. Where the service that knows them
does not answer, that is said, and nothing fails: a build must not depend on somebody else's server.
"""

import json
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent
SECONDS = 300


def verdict(report: dict, ignored: dict[str, str]) -> tuple[list[str], bool]:
    """What pip-audit's report means: lines to show, and whether something is wrong.

    Args:
        report: its JSON; ignored: identifier or alias of a vulnerability → why it does not matter here.
    """
    audited = [entry for entry in report["dependencies"] if "vulns" in entry]
    passed_over = [entry["name"] for entry in report["dependencies"] if "vulns" not in entry]
    if not audited:
        return ["NOT AUDITED: the vulnerability service knows none of the packages, or does not answer"], False
    lines, used, wrong = [], set(), False
    for entry in audited:
        for found in entry["vulns"]:
            names = {found["id"], *found.get("aliases", [])}
            if known := names & ignored.keys():
                used |= known
                continue
            wrong = True
            fixed = ", ".join(found.get("fix_versions", [])) or "no version yet"
            lines.append(f"{entry['name']} {entry['version']}: {found['id']}, fixed in {fixed}")
    lines += [f"ignored_vulnerabilities.yaml: {name} is of no package any more" for name in sorted(ignored.keys() - used)]
    if passed_over:
        lines.append(f"not known to the service: {', '.join(passed_over)}")
    lines.append(f"{len(audited)} packages audited" + ("" if wrong else ", none with a vulnerability that matters here"))
    return lines, wrong or bool(ignored.keys() - used)


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps"]
    command += ["--format", "json", "--progress-spinner", "off"]
    command += [word for name in ("cuda.lock", "dev.lock") for word in ("--requirement", str(HERE / name))]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        report = json.loads(told.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        report = {"dependencies": []}
    ignored = yaml.safe_load((HERE / "ignored_vulnerabilities.yaml").read_text(encoding="utf-8")) or {}
    lines, wrong = verdict(report, ignored)
    print("\n".join(lines))
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())

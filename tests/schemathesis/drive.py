"""Starts the simulator, lets schemathesis call every operation of docs/openapi.json, and prints what came of each."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

DESCRIPTION = Path("docs/openapi.json").absolute()
REPORT = Path(os.environ["REPORT"]).absolute()
CLIENT = "demo-client"
# Whether input is wrong in the description's eyes says little: forms ignore what they do not know. So these are left out:
# negative_data_rejection, positive_data_acceptance.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


def main():
    command = [os.environ["SIMULATOR"], "--listen", "127.0.0.1:0", "--describe"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as simulator:
        try:
            described = json.loads(simulator.stdout.readline())
            call_everything(described)
            alive = simulator.poll() is None
        finally:
            simulator.terminate()
    passed, failed = counted()
    failed += not alive
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


def call_everything(described):
    secret = next(client["client_secret"] for client in described["clients"] if client["client_id"] == CLIENT)
    # It leaves a cache of what failed in its working directory, from which the next run would begin otherwise.
    place = REPORT.parent / "run"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    REPORT.unlink(missing_ok=True)
    command = ["run", DESCRIPTION, "--url", described["issuer"], "--auth", f"{CLIENT}:{secret}"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"]
    command += ["--generation-deterministic", "--max-examples", "60", "--max-time", "60"]
    command += ["--continue-on-failure", "--no-color", "--report", "junit", "--report-junit-path", str(REPORT)]
    # Its status is in the report, operation by operation.
    subprocess.run([Path(sys.executable).with_name("schemathesis"), *command], cwd=place, timeout=180, check=False)


def counted():
    """Operations that held, and that did not; none at all if schemathesis did not come to its end."""
    if not REPORT.exists():
        return 0, 1
    cases = list(ElementTree.parse(REPORT).iter("testcase"))
    failed = sum(any(child.tag in ("failure", "error", "skipped") for child in case) for case in cases)
    return len(cases) - failed, failed


main()

"""The commands of docs/app-developers.md, as they stand there, with `assent-phone` in the place of the app."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
import unittest

GUIDE = pathlib.Path(__file__).parents[3] / "docs" / "app-developers.md"
START = re.compile(r"cargo run --release -p simulator -- (.+) > (\S+)\n")

# What the person with the phone does between two blocks of the guide.
AFTER_THE_TICKET = 'assent-phone --json enrol --wait 0 "$TICKET" | jq -r .digits > digits\n'
AFTER_THE_QUESTION = 'assent-phone --json approve --wait 20\n'


class AppDevelopersGuide(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="assent-guide-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, arguments, file):
        """The simulator as the guide starts it, on a port that is free."""
        wanted = [re.sub(r"^127\.0\.0\.1:\d+$", "127.0.0.1:0", argument) for argument in shlex.split(arguments)]
        described = self.folder / file
        with described.open("w") as out:
            process = subprocess.Popen(
                [os.environ["SIMULATOR"], *wanted], stdout=out, stderr=subprocess.DEVNULL, cwd=self.folder
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        while not described.read_text().endswith("\n"):
            self.assertIsNone(process.poll(), "the simulator ended")
            time.sleep(0.05)

    def test_whoever_follows_the_guide_has_tokens_in_the_end(self):
        start, ticket, digits, ask, redeem = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
        self.start(*START.fullmatch(start).groups())
        programs = self.folder / "bin"
        programs.mkdir()
        phone = programs / "assent-phone"
        phone.write_text(f'#!/bin/sh\nexec {sys.executable} -m assent_device.phone --state {self.folder}/phone --development "$@"\n')
        phone.chmod(0o755)
        issuer = 'export ASSENT_PHONE_ISSUER="$(jq -r .issuer assent.json)"\n'
        script = "".join([
            "set -euo pipefail\n", issuer, ticket, AFTER_THE_TICKET, "{\n", digits, "} < digits\n", ask, AFTER_THE_QUESTION, redeem,
        ])
        ran = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, capture_output=True, text=True, timeout=120,
            env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        tokens = json.loads(ran.stdout[ran.stdout.rindex('{"access_token"'):])
        self.assertIn("id_token", tokens)


if __name__ == "__main__":
    unittest.main()

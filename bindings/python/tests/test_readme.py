"""What the README shows works as it stands there, but for the provider's address."""

import asyncio
import contextlib
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from assent_device import PushTarget
from phones import INFO
from provider import Provider

README = pathlib.Path(__file__).parents[1] / "README.md"
PROVIDER = None


def setUpModule():
    global PROVIDER
    PROVIDER = Provider()
    unittest.addModuleCleanup(PROVIDER.close)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.M | re.S)


class Readme(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="assent-readme-")
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)

    def program(self):
        """The program of all blocks, against the provider of the tests; its file."""
        text, found = re.subn(
            r'issuers=\["https://op\.example"\], development=False', f'issuers=["{PROVIDER.issuer}"], development=True',
            "\n\n".join(blocks("python")),
        )
        self.assertEqual(found, 1)
        file = self.folder / "readme.py"
        file.write_text(re.sub(r'ports\("', f'ports("{self.folder}/', text))
        return file

    def test_every_block_is_played_here(self):
        self.assertEqual((len(blocks("python")), len(blocks("sh"))), (3, 3))
        self.assertEqual(len(re.findall(r"^```", README.read_text(), re.M)), 2 * 6)

    def test_the_commands_of_a_relying_partys_ci(self):
        (self.folder / "assent-phone").write_text(f'#!/bin/sh\nexec {sys.executable} -m assent_device.phone "$@"\n')
        (self.folder / "assent-phone").chmod(0o755)
        environment = os.environ | {
            "PATH": f"{self.folder}:{os.environ['PATH']}", "ISSUER": PROVIDER.issuer, "ADMIN": PROVIDER.admin_url,
            "ADMIN_TOKEN": PROVIDER.token, "CLIENT": f"{PROVIDER.client['client_id']}:{PROVIDER.client['client_secret']}",
        }
        played = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "".join(blocks("sh"))],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120,
        )
        self.assertEqual(played.returncode, 0, played.stdout + played.stderr)
        self.assertIn('"access_token"', played.stdout)

    def test_the_program_is_typed(self):
        checked = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--cache-dir", self.folder / "mypy", self.program()],
            capture_output=True, text=True, timeout=200,
        )
        self.assertEqual(checked.returncode, 0, checked.stdout)

    def load(self):
        specification = importlib.util.spec_from_file_location("readme", self.program())
        program = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(program)
        return program

    def test_the_program_joins_and_answers(self):
        asyncio.run(asyncio.wait_for(self.play(self.load()), 60))

    async def play(self, program):
        printed = asyncio.Queue()
        program.print = lambda *words: printed.put_nowait(" ".join(map(str, words)))
        subject = PROVIDER.new_user()
        joining = asyncio.create_task(program.join(PROVIDER.ticket(subject)))
        digits = (await printed.get()).removeprefix("type these digits: ")
        (account,) = await program.phone.accounts()
        PROVIDER.type_digits(account.id, digits)
        self.assertEqual(await joining, account.id)
        wanted, unwanted = PROVIDER.ask(subject, "Order 1"), PROVIDER.ask(subject, "Order 2")
        answering = asyncio.create_task(program.answer(account.id, lambda display: display.message == "Order 1"))
        self.assertEqual([await printed.get(), await printed.get()], ["Outcome.APPROVED", "Outcome.DENIED"])
        answering.cancel()
        self.assertEqual((PROVIDER.poll(wanted)[0], PROVIDER.poll(unwanted)[1]["error"]), (200, "access_denied"))

    def test_an_approval_is_signed_if_its_dialogue_says_so(self):
        program, asked = self.load(), []
        phone = program.DeviceCore(program.Settings(issuers=[PROVIDER.issuer], development=True), program.careful)
        for said, outcome in (("no", program.DeviceError.UserCancelled), ("yes", None)):
            program.input = lambda question, said=said: asked.append(question) or said
            asyncio.run(asyncio.wait_for(self.approve(phone, outcome), 60))
        self.assertEqual(asked, ["Approve what Example Bank asks? "] * 2)

    async def approve(self, phone, outcome):
        subject = PROVIDER.new_user()
        enrolment = await phone.enrol(PROVIDER.ticket(subject), INFO, PushTarget.NONE())
        PROVIDER.type_digits(enrolment.account(), enrolment.digits())
        await enrolment.refresh()
        PROVIDER.ask(subject)
        (request,) = await phone.pending(enrolment.account(), 5)
        request.display()
        with self.assertRaises(outcome) if outcome else contextlib.nullcontext():
            await phone.approve(request)


if __name__ == "__main__":
    unittest.main()

"""What a type checker makes of the package, and of programs that use it."""

import ast
import pathlib
import subprocess
import sys
import tempfile
import unittest

import assent_device

PACKAGE = pathlib.Path(assent_device.__file__).parent
OURS = sorted(file.stem for file in PACKAGE.glob("*.py") if file.stem not in ("__init__", "device_core"))

GOOD = """
from assent_device import Advice, ApprovalRequest, DeviceCore, DeviceError, PushTarget, Settings, error_advice, requests
from assent_device.software import ports

phone = DeviceCore(Settings(issuers=["https://op.example"], development=False), ports("phone"))
nowhere: PushTarget = PushTarget.NONE()


async def approved(request: ApprovalRequest) -> bool:
    try:
        return (await phone.approve(request)).name == "APPROVED"
    except DeviceError.Unreachable as error:
        print(error.detail.upper())
    except DeviceError as error:
        advice = error_advice(error)
        if isinstance(advice, Advice.AFTER):
            print(advice.seconds + 1)
    return False


async def every(account: str) -> None:
    async for found in requests(phone, account):
        for request in found:
            print(request.display().title.upper())
"""

WRONG = """
from assent_device import ApprovalRequest, DeviceCore, DeviceError, VaultError


async def wrong(phone: DeviceCore, request: ApprovalRequest) -> str:
    await phone.approve(request.id())
    await phone.approve(request).missing
    try:
        return await phone.pending("account", 5)
    except DeviceError.Nonsense:
        raise VaultError.Unavailable(5)
"""


def mypy(*arguments):
    """What a strict checker says, line by line. The generated module is not what it checks: its stub is."""
    with tempfile.TemporaryDirectory(prefix="assent-mypy-") as cache:
        checked = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary", f"--cache-dir={cache}",
             *arguments], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=200,
        )
    return checked.stdout.splitlines() + checked.stderr.splitlines()


class Types(unittest.TestCase):
    def test_our_modules_are_typed_strictly(self):
        self.assertEqual(OURS, ["mend", "phone", "software", "waiting"])
        modules = [argument for name in ["", *OURS] for argument in ("-m", f"assent_device.{name}".rstrip("."))]
        self.assertEqual(mypy(*modules), [])

    def test_a_right_program_is_right_and_every_mistake_of_a_wrong_one_is_found(self):
        self.assertEqual(mypy("-c", GOOD), [])
        found = mypy("-c", WRONG)
        self.assertEqual([line.split(":")[1] for line in found], ["6", "7", "9", "10", "11"], found)

    def test_the_package_says_that_it_is_typed_and_its_stub_has_everything_public_with_types(self):
        self.assertTrue((PACKAGE / "py.typed").exists())
        tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
        told = {node.name for node in tree.body if hasattr(node, "name")}
        told |= {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
        public = {name for name, value in vars(assent_device).items() if not name.startswith("_") and callable(value)}
        self.assertEqual(sorted(name for name in public - told if not name.endswith(("Impl", "Protocol"))), [])
        functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        self.assertGreater(len(functions), 150)
        for function in functions:
            self.assertIsNotNone(function.returns, function.name)
            for argument in [*function.args.args, *function.args.kwonlyargs]:
                self.assertTrue(argument.arg == "self" or argument.annotation, f"{function.name}: {argument.arg}")

    def test_every_signature_of_the_stub_is_that_of_the_module(self):
        tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
        compared = 0
        for node in tree.body:
            if not isinstance(node, ast.ClassDef):
                continue
            for member in node.body:
                if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and not member.name.startswith("_"):
                    code = getattr(getattr(assent_device, node.name), member.name).__code__
                    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
                    self.assertEqual(names, [argument.arg for argument in member.args.args], f"{node.name}.{member.name}")
                    compared += 1
        self.assertGreater(compared, 100)


if __name__ == "__main__":
    unittest.main()

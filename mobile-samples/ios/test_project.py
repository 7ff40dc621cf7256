"""The description of the Xcode project agrees with the files beside it, and the README with both."""

import pathlib
import plistlib
import re
import unittest
import urllib.parse

import yaml

HERE = pathlib.Path(__file__).parent
PROJECT = yaml.safe_load((HERE / "project.yml").read_text())
APP, EXTENSION = (PROJECT["targets"][name] for name in ("Sample", "NotificationService"))
NOT_OF_THE_PROJECT = {"Packages", "Stubs"}
APPLE = {"Foundation", "Observation", "SwiftUI", "UIKit", "UserNotifications", "VisionKit"}


def plist(name):
    return plistlib.loads((HERE / name).read_bytes())


def setting(target, configuration, name):
    """A build setting, as Xcode takes it: the configuration's own, then the target's, then the project's."""
    for settings in (target["settings"], PROJECT["settings"]):
        for level in (settings.get("configs", {}).get(configuration, {}), settings["base"]):
            if name in level:
                return level[name]
    raise KeyError(name)


def sources(target):
    return [file for folder in target["sources"] for file in sorted((HERE / folder).rglob("*.swift"))]


class Project(unittest.TestCase):
    def test_every_folder_with_sources_is_in_a_target(self):
        listed = set(APP["sources"]) | set(EXTENSION["sources"])
        there = {file.relative_to(HERE).parts[0] for file in HERE.rglob("*.swift")} - NOT_OF_THE_PROJECT
        self.assertEqual(listed, there)

    def test_every_property_list_parses_and_is_used(self):
        used = {setting(target, configuration, name) for target in (APP, EXTENSION)
                for configuration in ("Debug", "Release") for name in ("INFOPLIST_FILE", "CODE_SIGN_ENTITLEMENTS")}
        there = {str(file.relative_to(HERE)) for kind in ("*.plist", "*.entitlements") for file in HERE.rglob(kind)}
        self.assertEqual(used, there)
        for name in used:
            self.assertIsInstance(plist(name), dict)

    def test_plain_http_is_for_debug_and_this_machine_alone(self):
        release, debug = (plist(setting(APP, configuration, "INFOPLIST_FILE")) for configuration in ("Release", "Debug"))
        security = debug.pop("NSAppTransportSecurity")
        debug.pop("NSLocalNetworkUsageDescription")
        self.assertEqual(debug, release)
        self.assertEqual(security, {"NSExceptionDomains": {"localhost": {"NSExceptionAllowsInsecureHTTPLoads": True}}})
        self.assertNotIn("NSAppTransportSecurity", plist(EXTENSION["settings"]["base"]["INFOPLIST_FILE"]))
        self.assertTrue(setting(APP, "Debug", "ASSENT_ISSUER").startswith("http://localhost:"))
        self.assertTrue(setting(APP, "Release", "ASSENT_ISSUER").startswith("https://"))

    def test_the_privacy_manifest_names_what_the_sources_use(self):
        text = "".join(file.read_text() for file in (HERE / "Packages/SampleLogic/Sources").rglob("*.swift"))
        self.assertIn("UserDefaults", text)
        manifest = plist("App/PrivacyInfo.xcprivacy")
        self.assertEqual([one["NSPrivacyAccessedAPIType"] for one in manifest["NSPrivacyAccessedAPITypes"]],
                         ["NSPrivacyAccessedAPICategoryUserDefaults"])
        self.assertIs(manifest["NSPrivacyTracking"], False)

    def test_the_app_says_why_it_asks_for_face_and_camera(self):
        for name in ("NSFaceIDUsageDescription", "NSCameraUsageDescription"):
            self.assertTrue(plist("App/Info.plist")[name])

    def test_app_and_extension_share_the_group_that_the_code_names(self):
        named = re.search(r'appGroupName = "(.+)"', (HERE / "Shared/AppGroupName.swift").read_text()).group(1)
        for target in (APP, EXTENSION):
            entitlements = plist(target["settings"]["base"]["CODE_SIGN_ENTITLEMENTS"])
            self.assertEqual(entitlements["com.apple.security.application-groups"], [named])

    def test_only_the_app_is_pushed_to_and_attested(self):
        app, extension = (plist(target["settings"]["base"]["CODE_SIGN_ENTITLEMENTS"]) for target in (APP, EXTENSION))
        self.assertIn("aps-environment", app)
        self.assertIn("com.apple.developer.devicecheck.appattest-environment", app)
        self.assertEqual(len(extension), 1)
        self.assertIn("remote-notification", plist("App/Info.plist")["UIBackgroundModes"])

    def test_the_extension_is_what_its_property_list_says(self):
        extension = plist("NotificationService/Info.plist")["NSExtension"]
        self.assertEqual(extension["NSExtensionPointIdentifier"], "com.apple.usernotifications.service")
        principal = extension["NSExtensionPrincipalClass"].rpartition(".")[2]
        text = "".join(file.read_text() for file in sources(EXTENSION))
        self.assertIn(f"final class {principal}: UNNotificationServiceExtension", text)
        self.assertIn({"target": "NotificationService"}, APP["dependencies"])
        app, own = (target["settings"]["base"]["PRODUCT_BUNDLE_IDENTIFIER"] for target in (APP, EXTENSION))
        self.assertTrue(own.startswith(app + "."), "Apple's rule")

    def test_the_ticket_links_of_the_release_open_the_app(self):
        self.assertEqual(plist("App/Sample.entitlements")["com.apple.developer.associated-domains"], ["applinks:$(ASSENT_HOST)"])
        for configuration in ("Debug", "Release"):
            issuer = urllib.parse.urlsplit(setting(APP, configuration, "ASSENT_ISSUER"))
            self.assertEqual(setting(APP, configuration, "ASSENT_HOST"), issuer.hostname)

    def test_the_readme_starts_the_demo_as_the_issuer_of_the_debug_build(self):
        readme = (HERE / "README.md").read_text()
        row = re.search(r"^\| a simulator .*`simulator --public-url (\S+)` \| as it is \|$", readme, re.MULTILINE)
        self.assertEqual(row.group(1), setting(APP, "Debug", "ASSENT_ISSUER"))
        row = re.search(r"^\| an iPhone .*--public-url (\S+)` \| `(\S+)` \|$", readme, re.MULTILINE)
        self.assertEqual(row.group(1), row.group(2))
        self.assertIn(f"ASSENT_ISSUER={row.group(1)}", (HERE / "project.yml").read_text())

    def test_the_packages_are_there_and_have_what_is_linked(self):
        manifests = {name: (HERE / package["path"] / "Package.swift").read_text()
                     for name, package in PROJECT["packages"].items()}
        for target in (APP, EXTENSION):
            for linked in target["dependencies"]:
                if "package" in linked:
                    for product in linked.get("products", [linked["package"]]):
                        self.assertIn(f'.library(name: "{product}"', manifests[linked["package"]])

    def test_what_is_imported_is_linked_or_apples(self):
        for target in (APP, EXTENSION):
            linked = {product for one in target["dependencies"] if "package" in one
                      for product in one.get("products", [one["package"]])}
            for file in sources(target):
                imported = set(re.findall(r"^import (\w+)$", file.read_text(), re.MULTILINE))
                self.assertLessEqual(imported, linked | APPLE, file)

    def test_there_is_no_secret_and_no_team_in_it(self):
        self.assertEqual(PROJECT["settings"]["base"]["DEVELOPMENT_TEAM"], "")

    def test_the_readme_says_of_every_file_how_far_it_was_tried(self):
        readme = (HERE / "README.md").read_text()
        named = set(re.findall(r"^\| `([^`]+)` \|", readme, re.MULTILINE))
        files = {str(file.relative_to(HERE)) for file in HERE.rglob("*") if file.is_file() and not file.is_symlink()}
        files = {name for name in files if not re.search(r"^Stubs/|/Tests/|__pycache__|\.build/|^README", name)}
        folders = tuple(entry for entry in named if entry.endswith("/"))
        covered = {name for name in files if name in named or name.startswith(folders)}
        self.assertEqual(files - covered, set())
        self.assertEqual({entry for entry in named if not (HERE / entry).exists()}, set())


if __name__ == "__main__":
    unittest.main()

// swift-tools-version: 6.0
import PackageDescription

// `Generated` leads to `target/swift/generated`, which `bindings/swift/generate` fills (on a Mac, `bindings/swift/xcframework`).
#if os(macOS)
let ffi: Target = .binaryTarget(name: "device_coreFFI", path: "Generated/AssentDevice.xcframework")
let linked: [LinkerSetting] = []
let openSSL: [Target] = []
let inSoftware: [Target.Dependency] = ["AssentDevice"]
let standIns: [Target] = []
#else
let library = Context.packageDirectory + "/Generated"
let ffi: Target = .systemLibrary(name: "device_coreFFI", path: "Generated/device_coreFFI")
let linked: [LinkerSetting] = [.unsafeFlags(["-L", library, "-Xlinker", "-rpath", "-Xlinker", library])]
let openSSL: [Target] = [.systemLibrary(name: "COpenSSL", path: "Sources/COpenSSL")]
let inSoftware: [Target.Dependency] = ["AssentDevice", "COpenSSL"]
// Only so that what is for Apple's systems compiles here; see Stubs/README.md.
let standIns = ["Security", "LocalAuthentication", "DeviceCheck"].map { name in
    Target.target(name: name, path: "Stubs/\(name)")
}
#endif
let frameworks = standIns.map { Target.Dependency.target(name: $0.name) }

let package = Package(
    name: "AssentDevice",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "AssentDevice", targets: ["AssentDevice"]),
        .library(name: "AssentDeviceApple", targets: ["AssentDeviceApple"]),
        .library(name: "AssentDeviceSoftware", targets: ["AssentDeviceSoftware"]),
    ],
    targets: openSSL + standIns + [
        ffi,
        // UniFFI's asynchronous foreign traits are not for Swift 6 yet.
        .target(
            name: "AssentDeviceCore", dependencies: ["device_coreFFI"], path: "Generated/AssentDeviceCore",
            swiftSettings: [.swiftLanguageMode(.v5)], linkerSettings: linked),
        .target(name: "AssentDevice", dependencies: ["AssentDeviceCore"]),
        .target(name: "AssentDeviceSoftware", dependencies: inSoftware),
        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .target(name: "AssentDeviceApple", dependencies: ["AssentDevice"] + frameworks),
        .testTarget(
            name: "AssentDeviceAppleTests",
            dependencies: ["AssentDevice", "AssentDeviceApple", "AssentDeviceSoftware", "TestSupport"]),
        .testTarget(
            name: "AssentDeviceTests",
            dependencies: ["AssentDevice", "AssentDeviceApple", "AssentDeviceSoftware", "TestSupport"]),
        .executableTarget(name: "Measure", dependencies: ["AssentDevice", "AssentDeviceSoftware", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)

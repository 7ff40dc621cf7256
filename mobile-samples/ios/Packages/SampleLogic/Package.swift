// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "SampleLogic",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "SampleLogic", targets: ["SampleLogic"])],
    dependencies: [.package(path: "../../../../bindings/swift")],
    targets: [
        .target(name: "SampleLogic", dependencies: [.product(name: "AssentDevice", package: "swift")]),
        // `Support` leads to that of the binding's own tests: a running provider.
        .testTarget(
            name: "SampleLogicTests",
            dependencies: [
                "SampleLogic", .product(name: "AssentDevice", package: "swift"),
                .product(name: "AssentDeviceApple", package: "swift"),
                .product(name: "AssentDeviceSoftware", package: "swift"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

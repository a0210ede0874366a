// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that Core API does not depend on a web framework.
let package = Package(
    name: "transaction-service",
    dependencies: [
        // Or the URL and version of your copy of it; then without a name.
        .package(name: "core-api", path: "../../.."),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.0.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.0.0"),
    ],
    targets: [
        .executableTarget(
            name: "TransactionService",
            dependencies: [
                .product(name: "CoreAPIKit", package: "core-api"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: [.treatAllWarnings(as: .error)]),
        .testTarget(
            name: "TransactionServiceTests",
            dependencies: [
                "TransactionService",
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ],
            swiftSettings: [.treatAllWarnings(as: .error)]),
    ]
)

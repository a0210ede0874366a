// swift-tools-version: 6.2

import PackageDescription

/// The settings of every target: the strictest that the compiler has, so that a warning is an
/// error.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .treatWarning("ExplicitSendable", as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
]

/// What the server answers to `GET /openapi.json`: a link to docs/openapi.json, of which SwiftPM
/// makes an array in the source, since a bundle of resources would need Foundation.
let description: [Resource] = [.embedInCode("openapi.json")]

/// The files of the operators' web page, embedded in the same way.
let page: [Resource] = ["console.html", "console.css", "console.js", "icon.svg"].map {
    .embedInCode("Console/Page/\($0)")
}

let package = Package(
    name: "core-api",
    products: [
        .library(name: "CoreAPIKit", targets: ["CoreAPIKit"]),
        .executable(name: "core-api", targets: ["CoreAPIServer"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.2.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.2.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
    ],
    targets: [
        // System libraries: a module map and a shim header each, nothing else.
        .systemLibrary(name: "CEpoll"),
        .systemLibrary(name: "CHiredis"),
        .systemLibrary(name: "COpenSSL"),
        // The layers, from the bottom up: each may import those above it in this list, as its
        // dependencies say, and an import of another does not compile.
        .target(
            name: "CoreAPIBase",
            dependencies: [
                "CEpoll", "COpenSSL", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "CoreAPIRedis",
            dependencies: [
                "CHiredis", "COpenSSL", "CoreAPIBase",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "CoreAPIHTTP",
            dependencies: ["CoreAPIBase", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .target(
            name: "CoreAPIKit",
            dependencies: [
                "COpenSSL", "CoreAPIBase", "CoreAPIHTTP", "CoreAPIRedis",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "CoreAPIServer",
            dependencies: [
                "CoreAPIBase", "CoreAPIHTTP", "CoreAPIKit", "CoreAPIRedis",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: description + page,
            swiftSettings: strict),
        // The examples of docs/embedding.md, so that they are known to compile and run.
        .executableTarget(
            name: "embedder-example",
            dependencies: ["CoreAPIKit"],
            path: "docs/examples/embedder",
            swiftSettings: strict),
        .executableTarget(
            name: "connector-example",
            dependencies: ["CoreAPIKit"],
            path: "docs/examples/connector",
            swiftSettings: strict),
        // One folder of tests for each layer.
        .testTarget(
            name: "CoreAPIBaseTests", dependencies: ["CoreAPIBase"], swiftSettings: strict),
        // Starts the programs of tests, and finds ports for them.
        .target(
            name: "ChildProcess", dependencies: ["CEpoll", "CoreAPIBase"],
            path: "Tests/ChildProcess",
            swiftSettings: strict),
        .target(name: "TestKeys", path: "Tests/TestKeys", swiftSettings: strict),
        .testTarget(
            name: "CoreAPIRedisTests",
            dependencies: ["ChildProcess", "CoreAPIBase", "CoreAPIRedis"],
            swiftSettings: strict),
        .testTarget(
            name: "CoreAPIHTTPTests", dependencies: ["CoreAPIBase", "CoreAPIHTTP"],
            swiftSettings: strict),
        .testTarget(
            name: "CoreAPIKitTests",
            dependencies: [
                "CoreAPIBase", "CoreAPIKit", "CoreAPIRedis", "TestKeys",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Tokens/Vectors"],
            swiftSettings: strict),
        .testTarget(
            name: "CoreAPIServerTests",
            dependencies: [
                "CoreAPIBase", "CoreAPIHTTP", "CoreAPIKit", "CoreAPIRedis", "CoreAPIServer",
                "TestKeys",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        // The machines of both connections in virtual time, beside the transcripts of the tests of
        // HTTP.
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "CoreAPIBase", "CoreAPIHTTP", "CoreAPIHTTPTests", "CoreAPIKit", "CoreAPIRedis",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "ChildProcess", "CoreAPIBase", "CoreAPIHTTP", "CoreAPIKit", "CoreAPIRedis",
                "CoreAPIServer", "TestKeys", "connector-example", "embedder-example",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            exclude: [
                "Harness/key-set-issuer.py", "Harness/otlp-collector.py",
                "Harness/reply-losing-proxy.py",
                "Harness/service-manager.py",
            ],
            swiftSettings: strict),
    ]
)

// Only `make docs` needs the plugin that builds the documentation. Embedders do not get it.
if Context.environment["DOCS"] != nil {
    package.dependencies.append(
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}

// `make fuzz` and `make bench-library` alone need the programs that fuzz and measure the layers.
if Context.environment["BENCH_LIBRARY"] != nil {
    package.targets += [
        .target(name: "CBareMAC", dependencies: ["COpenSSL"], path: "Benchmarks/library/CBareMAC"),
        .executableTarget(
            name: "bench-library",
            dependencies: [
                "CBareMAC", "CoreAPIBase", "CoreAPIHTTP", "CoreAPIKit", "CoreAPIRedis", "TestKeys",
            ],
            path: "Benchmarks/library/Program",
            swiftSettings: strict),
    ]
}
if Context.environment["FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Fuzz/CFuzzer"),
        .executableTarget(
            name: "Fuzz",
            dependencies: ["CFuzzer", "CoreAPIBase", "CoreAPIHTTP", "CoreAPIKit", "CoreAPIRedis"],
            path: "Fuzz/Program",
            swiftSettings: strict),
    ]
}

// swift-tools-version: 6.2
import PackageDescription

/// One setting for every target: Swift 6, explicit `any`, imports that say what they expose, no warnings.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let nioHTTPTypes = ["NIOHTTPTypes", "NIOHTTPTypesHTTP1"].map {
    Target.Dependency.product(name: $0, package: "swift-nio-extras")
}
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(
    name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")

func stage(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, exclude: name == "ProgramTests" ? ["Files"] : [],
        swiftSettings: strict)
}

let package = Package(
    name: "sluice",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        stage("Events"),
        stage("Accept", ["Events"]),
        stage("Identify", ["Events"]),
        stage("Consent", ["Events"]),
        stage("Map", ["Events", crypto]),
        stage("Deliver", ["Events"]),
        stage("Pipeline", ["Events", "Accept", "Identify", "Consent", "Map", "Deliver"]),
        stage("Webhooks", ["Events", "Accept", "Map", crypto]),
        stage(
            "SQLiteStore",
            [
                "Events", "Accept", "Identify", "Consent", "Map", "Deliver", "Pipeline", "CSQLite",
                crypto,
            ]),
        stage("CurlTransport", ["Events", "Deliver", "CCurl"]),
        stage(
            "Ingest",
            [
                "Events", "Accept", "Deliver", "Map", "Webhooks", "CZlib", crypto, hummingbird,
                hummingbirdCore, httpTypes, logging, nioCore, nioHTTP1,
            ] + nioHTTPTypes),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "Events", "Accept", "Identify", "Consent", "Map", "Deliver", "Pipeline", "Webhooks",
                "Ingest", "SQLiteStore", "CurlTransport", arguments, hummingbird, httpTypes,
                logging,
                lifecycle, nioCore, signals, "CMalloc",
            ], swiftSettings: strict),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        stage(
            "SluiceTesting",
            ["Events", "Accept", "Consent", "Map", "Deliver", "Pipeline", "Webhooks"]),
        tests("EventsTests", ["Events"]),
        tests("AcceptTests", ["Accept", "Events", "SluiceTesting"]),
        tests("IdentifyTests", ["Identify", "Events", "Pipeline", "SluiceTesting"]),
        tests(
            "ConsentTests", ["Consent", "Events", "Identify", "Map", "Pipeline", "SluiceTesting"]),
        tests("MapTests", ["Map", "Deliver", "Events", "Pipeline", "SluiceTesting"]),
        tests("DeliverTests", ["Deliver", "Events", "SluiceTesting"]),
        tests("WebhooksTests", ["Webhooks", "Accept", "Map", "Events", "SluiceTesting"]),
        tests(
            "SQLiteStoreTests",
            [
                "SQLiteStore", "Accept", "Consent", "Deliver", "Events", "Map", "Pipeline",
                "SluiceTesting",
                "CSQLite",
            ]),
        tests("CurlTransportTests", ["CurlTransport", "Deliver", "Events", "SluiceTesting"]),
        tests(
            "ProgramTests",
            [
                "sluice", "Accept", "Consent", "CurlTransport", "Deliver", "Events", "Ingest",
                "Map",
                "Pipeline", "SQLiteStore", "SluiceTesting", "Webhooks", crypto, logging, lifecycle,
            ]),
        tests(
            "FaultTests",
            ["CurlTransport", "Deliver", "Events", "SQLiteStore", "SluiceTesting", "sluice"]),
        tests("TidyTests", ["SluiceTesting"]),
        .systemLibrary(
            name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    ]
)

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
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "sluice",
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
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", exact: "1.5.0"),
    ],
    targets: [
        stage("JSON"),
        stage("Events", ["JSON"]),
        stage("Accept", ["Events", "JSON"]),
        stage("Identify", ["Events", "JSON", crypto]),
        stage("Consent", ["Events", "JSON"]),
        stage("Map", ["Events", "JSON", crypto]),
        stage("Request", ["Events", "JSON", "Map", crypto]),
        stage("Pipeline", ["Events", "JSON", "Accept", "Identify", "Consent", "Map", "Request"]),
        stage("Deliver", ["Events", "JSON", "Request"]),
        stage("Webhooks", ["Events", "JSON", "Accept", "Identify", "Map", "Request", crypto]),
        stage(
            "Store",
            [
                "Events", "JSON", "Accept", "Identify", "Consent", "Map", "Pipeline", "Deliver",
                crypto,
            ]),
        stage("Log", ["Events", "JSON", "Consent", "Identify", "Map", "Pipeline", "Request"]),
        stage(
            "Console",
            ["Events", "JSON", "Request", "Store", hummingbird, httpTypes, nioCore]),
        stage(
            "SQLiteStore",
            [
                "Events", "JSON", "Accept", "Identify", "Consent", "Log", "Map", "Deliver",
                "Pipeline", "Store", "CSQLite", crypto,
            ]),
        stage("CurlTransport", ["Events", "Request", "CCurl", "CZlib"]),
        stage(
            "Ingest",
            [
                "Events", "JSON", "Accept", "Log", "Map", "Request", "Webhooks", "CZlib", crypto,
                hummingbird,
                hummingbirdCore, httpTypes, logging, nioCore, nioHTTP1,
            ] + nioHTTPTypes),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "Events", "JSON", "Accept", "Identify", "Consent", "Log", "Map", "Deliver",
                "Pipeline", "Request", "Webhooks", "Console", "Ingest", "Store", "SQLiteStore",
                "CurlTransport", arguments, hummingbird, httpTypes, logging, lifecycle,
                nioCore, signals, "CMalloc",
            ], swiftSettings: strict),
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        stage(
            "SluiceTesting",
            [
                "CSpawn", "Events", "JSON", "Accept", "Identify", "Consent", "Log", "Map",
                "Deliver", "Pipeline", "Request", "Store", "Webhooks",
            ]),
        .systemLibrary(name: "CSpawn"),
        tests("JSONTests", ["JSON"]),
        tests("EventsTests", ["Events", "JSON"]),
        tests("AcceptTests", ["Accept", "Events", "JSON", "SluiceTesting"]),
        tests("IdentifyTests", ["Identify", "Events", "JSON", "Pipeline", "SluiceTesting"]),
        tests(
            "ConsentTests",
            ["Consent", "Events", "JSON", "Identify", "Map", "Pipeline", "SluiceTesting"]),
        tests("MapTests", ["Map", "Events", "JSON", "SluiceTesting"]),
        tests(
            "PipelineTests",
            ["Pipeline", "Consent", "Events", "Identify", "Map", "Request", "SluiceTesting"]),
        tests("RequestTests", ["Request", "Events", "JSON", "Map", "SluiceTesting"]),
        tests("DeliverTests", ["Deliver", "Events", "Map", "Request", "SluiceTesting"]),
        tests("WebhooksTests", ["Webhooks", "Accept", "Map", "Events", "JSON", "SluiceTesting"]),
        tests(
            "StoreTests",
            [
                "Store", "SQLiteStore", "Accept", "Consent", "Deliver", "Events", "JSON", "Log",
                "Map", "Pipeline", "Request", "SluiceTesting",
            ]),
        tests(
            "IngestTests",
            [
                "Ingest", "Accept", "Events", "JSON", "SluiceTesting", crypto, httpTypes, nioCore,
                nioHTTP1,
            ]),
        tests(
            "SQLiteStoreTests",
            [
                "SQLiteStore", "Store", "Accept", "Consent", "Deliver", "Events", "JSON", "Log",
                "Map", "Pipeline", "SluiceTesting",
                "CSQLite",
            ]),
        tests(
            "CurlTransportTests", ["CurlTransport", "Events", "Request", "SluiceTesting"]),
        tests(
            "ProgramTests",
            [
                "sluice", "Accept", "Console", "Consent", "CurlTransport", "Deliver", "Events",
                "JSON", "Ingest", "Log", "Map", "Pipeline", "Request", "SQLiteStore", "Store",
                "SluiceTesting",
                "Webhooks", crypto, logging, lifecycle,
            ]),
        tests(
            "FaultTests",
            [
                "CurlTransport", "Deliver", "Events", "JSON", "Log", "Request", "SQLiteStore",
                "SluiceTesting",
                "sluice",
            ]),
        tests(
            "LogTests",
            [
                "Log", "Accept", "Consent", "Deliver", "Events", "Identify", "JSON", "Map",
                "Pipeline", "SluiceTesting",
            ]),
        tests(
            "ConsoleTests",
            [
                "Console", "CurlTransport", "Deliver", "Events", "JSON", "Request", "Store",
                "SluiceTesting",
                hummingbird, logging,
            ]),
        tests("TidyTests", ["SluiceTesting"]),
        .systemLibrary(
            name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    ]
)

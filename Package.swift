// swift-tools-version: 6.2
import PackageDescription

let language: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .treatAllWarnings(as: .error),
]

/// Every use of an unsafe pointer is marked `unsafe`, so that a reviewer of a root process sees it.
let strict: [SwiftSetting] = language + [.strictMemorySafety()]

/// Layers 1 and 2: no I/O, no clock, no randomness of their own (`TidyTests` holds them to it).
func pure(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name,
        dependencies: (name == "Primitives" ? [] : ["Primitives"]) + dependencies,
        swiftSettings: strict
    )
}

/// Layer 3: one kernel or systemd interface each, no decisions.
func adapter(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name,
        dependencies: ["Primitives", "CLinux"] + dependencies,
        swiftSettings: strict
    )
}

/// Layer 4: the only code that sees both a decision and a descriptor.
func shell(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name,
        dependencies: ["Primitives", "Messages", "LinuxIO", "Links", "CLinux"] + dependencies,
        swiftSettings: strict
    )
}

/// Layer 5: options, wiring, privileges; no logic.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests",
        dependencies: (name == "Primitives" ? [] : ["Primitives"])
            + [.init(stringLiteral: name)] + dependencies,
        swiftSettings: language
    )
}

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)

let package = Package(
    name: "tandem",
    products: [
        .executable(name: "tandem-agent", targets: ["tandem-agent"]),
        .executable(name: "tandem-proxy", targets: ["tandem-proxy"]),
        .executable(name: "tandem-supervisor", targets: ["tandem-supervisor"]),
        .executable(name: "tandemctl", targets: ["tandemctl"]),
    ],
    // Exact, and none of them depends on another package: a build of the same commit takes the same sources.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    ],
    targets: [
        // 5  Programs: options, wiring, which privileges are held.
        program("tandem-agent", ["AgentRuntime"]),
        program("tandem-proxy", ["ProxyRuntime"]),
        program("tandem-supervisor", ["SupervisorRuntime"]),
        program(
            "tandemctl",
            [
                "ControlClient", "Messages", "VRRP", "Supervision", "KeepalivedSyntax",
                "Primitives",
                "LinuxIO", "CLinux", argumentParser,
            ]
        ),

        // 4  Shells: read, handle, interpret the effects; one *Link.swift a peer.
        shell(
            "AgentRuntime",
            ["VRRP", "KeepalivedSyntax", "Netlink", "RawSockets", "Tracking", "Systemd", logging]
        ),
        shell(
            "ProxyRuntime",
            [
                "HAProxySyntax", "Rules", "Balancing", "HealthChecks", "Sessions", "Netlink",
                "Systemd", logging,
            ]
        ),
        shell(
            "SupervisorRuntime",
            [
                "Supervision", "VRRP", "KeepalivedSyntax", "HAProxySyntax", "ServiceManager",
                "Systemd", logging,
            ]
        ),
        shell("ControlClient", ["VRRP", "Supervision", "Systemd"]),

        // 3  Adapters: the kernel and systemd.
        adapter("Netlink", ["LinuxIO"]),
        adapter("RawSockets", ["LinuxIO"]),
        adapter("Tracking", ["LinuxIO"]),
        adapter("ServiceManager", ["LinuxIO", "Systemd", logging]),
        adapter("Systemd", ["LinuxIO", "CSystemd", logging]),
        adapter("Links", ["LinuxIO", "Messages"]),
        adapter("LinuxIO"),

        // 2  Decisions and formats: values in, values out.
        pure("VRRP"),
        pure("Supervision", ["VRRP"]),
        pure("Balancing"),
        pure("HealthChecks"),
        pure("Sessions"),
        pure("KeepalivedSyntax", ["VRRP"]),
        pure("Rules"),
        pure("HAProxySyntax", ["Rules"]),
        pure("Messages", ["VRRP", "Supervision"]),

        // 1  Primitives: a closed list.
        pure("Primitives", [deque]),

        // 0  What Swift can't import by itself.
        .target(name: "CLinux"),
        .systemLibrary(
            name: "CSystemd",
            pkgConfig: "libsystemd",
            providers: [.apt(["libsystemd-dev"])]
        ),

        // -  Never in a product: one simulated LAN; a LAN of namespaces; the demo on it.
        pure("SimulationKit", ["VRRP", "Supervision"]),
        .target(
            name: "NamespaceLab",
            dependencies: ["Primitives", "LinuxIO", "Netlink", "CLinux"],
            path: "Tests/Support/NamespaceLab",
            swiftSettings: language
        ),
        .executableTarget(name: "thread-trap", path: "Tests/Support/ThreadTrap"),
        .executableTarget(
            name: "pair-demo",
            dependencies: ["NamespaceLab", "Primitives", "LinuxIO"],
            path: "Tests/Support/PairDemo",
            swiftSettings: language
        ),

        .executableTarget(
            name: "vrrp-sweep",
            dependencies: ["SimulationKit"],
            path: "Tests/Support/VRRPSweep",
            swiftSettings: language
        ),

        tests("Primitives"),
        tests("Messages", ["VRRP", "Supervision"]),
        tests("VRRP"),
        tests("Supervision", ["VRRP"]),
        tests("Balancing"),
        tests("HealthChecks"),
        tests("Sessions"),
        tests("KeepalivedSyntax", ["VRRP"]),
        tests("Rules"),
        tests("HAProxySyntax", ["Rules"]),
        tests("LinuxIO", ["CLinux"]),
        tests("Links", ["LinuxIO", "Messages", "CLinux"]),
        tests("Netlink", ["LinuxIO", "CLinux"]),
        tests("RawSockets", ["LinuxIO", "CLinux"]),
        tests("Tracking", ["LinuxIO", "CLinux"]),
        tests("Systemd", ["LinuxIO", "CLinux", logging]),
        tests("ServiceManager", ["LinuxIO", "CLinux", "NamespaceLab", logging]),
        tests(
            "AgentRuntime",
            [
                "VRRP", "KeepalivedSyntax", "Messages", "LinuxIO", "Links", "Netlink", "RawSockets",
                "Tracking", "CLinux", "NamespaceLab",
            ]
        ),
        tests(
            "ProxyRuntime",
            [
                "HAProxySyntax", "HealthChecks", "Sessions", "Messages", "Links", "LinuxIO",
                "CLinux",
            ]
        ),
        tests(
            "SupervisorRuntime",
            [
                "Supervision", "VRRP", "Messages", "LinuxIO", "Links", "ServiceManager",
                "ControlClient", "Systemd", "CLinux", "NamespaceLab", logging,
            ]
        ),
        tests(
            "ControlClient",
            ["VRRP", "Supervision", "Messages", "LinuxIO", "CLinux", "Systemd"]
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["SimulationKit", "VRRP", "Supervision", "Primitives"],
            swiftSettings: language
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["NamespaceLab", "Primitives", "LinuxIO", "Netlink", "CLinux"],
            swiftSettings: language
        ),
        .testTarget(name: "TidyTests", swiftSettings: language),
    ]
)

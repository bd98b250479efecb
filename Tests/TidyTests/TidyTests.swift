import Testing

/// The tree keeps what the design says of it, and what a reader would trip over does not get in.
@Suite struct TidyTests {
    private static let pureModules = [
        "Primitives", "VRRP", "Supervision", "Balancing", "HealthChecks", "Sessions", "Rules",
        "KeepalivedSyntax", "HAProxySyntax", "Messages", "SimulationKit",
    ]
    private static let daemonModules =
        pureModules + [
            "Netlink", "RawSockets", "Tracking", "ServiceManager", "Systemd", "Links",
            "LinuxIO", "AgentRuntime",
            "ProxyRuntime", "SupervisorRuntime", "ControlClient", "tandem-agent", "tandem-proxy",
            "tandem-supervisor",
        ]

    /// `package import A`, `@preconcurrency import A` and so on: the modules that a file imports.
    private func imports(of path: String) -> [String] {
        SourceTree.lines(of: path).compactMap { line in
            let words = line.text.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position <= 2,
                words[..<position].allSatisfy({ $0.hasPrefix("@") || $0 == "package" })
            else { return nil }
            return words.last.map { String($0.split(separator: ".").first ?? "") }
        }
    }

    @Test("There is a tree to look at")
    func tree() {
        #expect(SourceTree.files(under: "Sources").count > 50)
        #expect(SourceTree.read("Package.swift")?.contains("name: \"tandem\"") == true)
        #expect(imports(of: "Sources/LinuxIO/Clock.swift") == ["CLinux", "Primitives"])
    }

    @Test(
        "Layers 1 and 2 import each other and nothing of the outside world",
        arguments: pureModules
    )
    func purity(module: String) {
        let allowed = Set(Self.pureModules + ["DequeModule"])
        let files = SourceTree.files(under: "Sources/" + module)
        #expect(!files.isEmpty)
        for file in files {
            let strangers = imports(of: file).filter { !allowed.contains($0) }
            #expect(strangers == [], "\(file)")
        }
    }

    @Test("Layers 1 and 2 ask for no time and no randomness of their own", arguments: pureModules)
    func noClockNoDice(module: String) {
        let found = SourceTree.places(
            of: [
                "ContinuousClock", "SuspendingClock", "SystemRandomNumberGenerator", ".random(in:",
                ".shuffled()", ".randomElement()", "async ", "await ", "Task {",
                "nonisolated(unsafe)",
            ],
            in: SourceTree.files(under: "Sources/" + module)
        )
        // With a generator that is passed in, both are deterministic.
        #expect(found == [])
    }

    @Test("No daemon imports Foundation, Dispatch or ArgumentParser", arguments: daemonModules)
    func noFoundation(module: String) {
        let banned: Set = ["Foundation", "FoundationEssentials", "Dispatch", "ArgumentParser"]
        let files = SourceTree.files(under: "Sources/" + module)
        #expect(!files.isEmpty)
        for file in files {
            #expect(imports(of: file).filter { banned.contains($0) } == [], "\(file)")
        }
    }

    /// An exit test waits for any child of its process, so another test's child makes it wait for ever.
    @Test("scripts/test gives every suite with exit tests a process of its own")
    func exitTestsApart() {
        let script = SourceTree.read("scripts/test") ?? ""
        let apart =
            SourceTree.lines(of: "scripts/test").map(\.text)
            .first { $0.hasPrefix("exit_tests='") }
            .map { $0.split(separator: "'")[1].split(separator: "|").map { "/" + $0 } } ?? []
        #expect(
            script.contains("--filter \"$exit_tests\"") && script.contains("--skip \"$exit_tests\"")
        )
        let files = SourceTree.places(
            of: ["processExits" + "With"],
            in: SourceTree.files(under: "Tests")
        )
        #expect(!files.isEmpty)
        let strangers = files.filter { place in !apart.contains { place.contains($0) } }
        #expect(strangers == [])
    }

    @Test("Nothing in Sources ends the process by design of a shortcut")
    func noTraps() {
        let found = SourceTree.places(
            of: ["fatalError(", "try!", " as! ", "assertionFailure("],
            in: SourceTree.files(under: "Sources")
        )
        #expect(found == [])
    }

    @Test("No file of the sources or tests is longer than 450 lines")
    func length() {
        // A table in a test may be as long as it has rows.
        let files =
            SourceTree.files(under: "Sources")
            + SourceTree.files(under: "Tests").filter {
                !$0.hasSuffix("TableTests.swift")
            }
        let long = files.filter { SourceTree.lines(of: $0).count > 451 }
        #expect(long == [])
    }

    @Test("No word promises work for later")
    func promises() {
        // In halves, so that this file does not hold them.
        let words = ["TO" + "DO", "FIX" + "ME", "for " + "now", "simpli" + "fied"]
        let files =
            SourceTree.files(under: "Sources", endings: [".swift", ".c", ".h"])
            + SourceTree.files(under: "Tests")
            + SourceTree.files(under: "docs", endings: [".md", ".8", ".5"])
            + SourceTree.files(under: "scripts", endings: [""])
        #expect(SourceTree.places(of: words, in: files) == [])
    }

    @Test("No module imports one of a higher layer")
    func layers() throws {
        let layers: [(rank: Int, modules: [String])] = [
            (0, ["CLinux", "CSystemd"]), (1, ["Primitives"]),
            (
                2,
                [
                    "VRRP", "Supervision", "Balancing", "HealthChecks", "Sessions", "Rules",
                    "KeepalivedSyntax",
                    "HAProxySyntax", "Messages",
                ]
            ),
            (
                3,
                [
                    "Netlink", "RawSockets", "Tracking", "ServiceManager", "Systemd", "Links",
                    "LinuxIO",
                ]
            ),
            (4, ["AgentRuntime", "ProxyRuntime", "SupervisorRuntime", "ControlClient"]),
            (5, ["tandem-agent", "tandem-proxy", "tandem-supervisor", "tandemctl"]),
        ]
        var rank: [String: Int] = [:]
        for layer in layers { for module in layer.modules { rank[module] = layer.rank } }
        for (module, own) in rank where own > 0 {
            for file in SourceTree.files(under: "Sources/" + module) {
                let higher = imports(of: file).filter { (rank[$0] ?? 0) > own }
                #expect(higher == [], "\(file)")
                // A shell knows no other shell, a program only its own.
                if own == 4 {
                    let siblings = imports(of: file).filter { rank[$0] == 4 }
                    #expect(siblings == [], "\(file)")
                }
            }
        }
    }
}

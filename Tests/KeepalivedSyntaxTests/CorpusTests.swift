import Glibc
import KeepalivedSyntax
import Primitives
import Testing
import VRRP

/// Files in the shapes that public repositories have, with what keepalived and Tandem make of each.
///
/// `Fixtures/keepalived/OUTCOMES.txt` holds both verdicts: keepalived's are compared with the installed one by
/// `scripts/keepalived-verdicts`, ours here.
@Suite struct CorpusTests {
    static let index = "keepalived/OUTCOMES.txt"
    static let outcomes = Outcome.read(fixture(index))

    /// Where keepalived loads a file and Tandem does not, the reason is one of these.
    static let reasonsToRefuse = [
        // The addresses would have two owners, or none, in silence.
        "fall back to multicast in silence", "have the same virtual_router_id",
        "would move without it",
        // Checks fail closed.
        "keepalived would go on without the check", "does not exist here",
        // What a client or an operator would miss.
        "'virtual_server' is not done", "'virtual_routes' is not done",
        "'virtual_rules' is not done", "'bfd_instance' is not done", "'track_bfd' is not done",
        "'enable_snmp_vrrp' is not done", "'enable_traps' is not done",
        "'enable_dbus' is not done", "'vrrp_strict' is not done", "'auth_type AH' is not done",
        "'~SEQ' is not done",
        // What the writer meant is not what would run.
        "unknown keyword", "is not an address", "is never closed", "belongs to a template",
        "which is never closed", "names no program", "is no name of an interface",
        "has no valid 'virtual_router_id'",
        "needs a value", "there is no vrrp_instance",
    ]

    @Test("Each file has the outcome that is written down", arguments: outcomes)
    func outcome(_ row: Outcome) {
        let parsed = Self.parse(row.file)
        #expect(parsed.diagnostics.map(\.description) == row.said)
        #expect((parsed.configuration == nil ? "refuses" : "loads") == row.tandem)
    }

    @Test("What keepalived loads is loaded, or refused for a reason", arguments: outcomes)
    func compatibility(_ row: Outcome) {
        guard row.keepalived == "loads" else { return }
        let errors = Self.parse(row.file).diagnostics.filter { $0.severity == .error }
        for error in errors {
            let isReason = Self.reasonsToRefuse.contains { error.message.contains($0) }
            #expect(isReason, "\(error)")
        }
    }

    @Test("What keepalived refuses is not loaded", arguments: outcomes)
    func strictness(_ row: Outcome) {
        guard row.keepalived == "refuses" else { return }
        #expect(row.tandem == "refuses")
    }

    @Test("The corpus is as large as it was, and most of it loads")
    func size() {
        #expect(Self.outcomes.count >= 55)
        #expect(Self.outcomes.filter { $0.tandem == "loads" }.count >= 33)
        guard unsafe getenv("TANDEM_UPDATE") != nil else { return }
        let text = Self.outcomes.map { row in
            var row = row
            let parsed = Self.parse(row.file)
            row.tandem = parsed.configuration == nil ? "refuses" : "loads"
            row.said = parsed.diagnostics.map(\.description)
            return row.text
        }
        write(text.joined(separator: "\n"), to: Self.index)
    }

    @Test("A variable that counts up makes its routers")
    func nestedDefinitions() throws {
        let routers = try #require(Self.parse("nested-definitions.conf").configuration?.routers)
        #expect(routers.map(\.name) == ["VI_0", "VI_1"])
        #expect(routers.map(\.interface) == ["eth0", "eth1"])
        #expect(routers.map(\.basePriority) == [130, 130])
    }

    static func parse(_ file: String) -> ParsedKeepalived {
        var environment = machine(users: ["root", "nobody", "keepalived_script"])
        environment.programStatus = { program, _ in
            program.contains("missing") ? .missing : .found
        }
        return KeepalivedParser.parse(
            SourceText(path: file, bytes: fixture("keepalived/\(file)")),
            environment: environment
        )
    }

    struct Outcome: CustomTestStringConvertible, Sendable {
        var file: String
        var keepalived = ""
        var tandem = ""
        var said: [String] = []
        var testDescription: String { file }

        static func read(_ bytes: [UInt8]) -> [Outcome] {
            var rows: [Outcome] = []
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                if line.hasPrefix("=== ") {
                    rows.append(Outcome(file: String(line.dropFirst(4))))
                } else if line.hasPrefix("keepalived: "), !rows.isEmpty {
                    rows[rows.count - 1].keepalived = String(line.dropFirst(12))
                } else if line.hasPrefix("tandem: "), !rows.isEmpty {
                    rows[rows.count - 1].tandem = String(line.dropFirst(8))
                } else if !rows.isEmpty {
                    rows[rows.count - 1].said.append(String(line))
                }
            }
            return rows
        }

        var text: String {
            (["=== \(file)", "keepalived: \(keepalived)", "tandem: \(tandem)"] + said)
                .joined(separator: "\n") + "\n"
        }
    }
}

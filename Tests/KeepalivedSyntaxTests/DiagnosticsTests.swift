import Glibc
import KeepalivedSyntax
import Primitives
import Testing

/// What the check of a file says, word for word.
@Suite struct DiagnosticsTests {
    static let transcript = "Transcripts/keepalived-diagnostics.txt"
    static let cases = TranscriptCase.read(fixture(transcript))

    @Test("Every mistake is named with its place and its mend", arguments: cases)
    func exactly(_ row: TranscriptCase) {
        #expect(said(row.wrapped) == row.expected)
    }

    @Test("The transcript holds every case once")
    func complete() {
        #expect(Self.cases.count > 90)
        #expect(Set(Self.cases.map(\.name)).count == Self.cases.count)
        guard unsafe getenv("TANDEM_UPDATE") != nil else { return }
        let text = Self.cases.map { $0.text(expecting: said($0.wrapped)) }.joined(separator: "\n")
        write(text, to: Self.transcript)
    }

    /// The second of two routers with one VRID on one interface, with addresses of their own.
    private func saidOfSecond(_ first: String, _ second: String) -> [String] {
        let one = instance(first)
        let other =
            "vrrp_instance VI_2 {\ninterface eth0\nvirtual_router_id 51\n\(second)\n"
            + "virtual_ipaddress {\n192.0.2.200\n}\n}\n"
        return said(one + "\n" + other).filter { $0.contains("error") }
    }

    @Test("A VRID may be used again where no packet confuses the two, as with keepalived")
    func sharedIdentity() {
        func peer(_ last: Int) -> String { "unicast_peer {\n192.0.2.\(last)\n}" }
        #expect(saidOfSecond(peer(8), peer(9)) == [])
        #expect(saidOfSecond("", peer(9)) == [])
        #expect(saidOfSecond("", "mcast_dst_ip 224.0.0.77") == [])
        for (first, second) in [
            ("", ""), (peer(8), peer(8)), ("", "mcast_dst_ip 224.0.0.18"),
            ("use_vmac one\n" + peer(8), "use_vmac two\n" + peer(9)),
        ] {
            let errors = saidOfSecond(first, second)
            #expect(errors.count == 1 && errors[0].contains("have the same virtual_router_id 51"))
        }
    }

    @Test("What is quiet stays quiet")
    func quiet() {
        // A lifetime that outlasts the peers' patience is the guard's affair.
        #expect(said("tandem {\nvip_lease 3\n}\n" + instance("")) == [])
        #expect(said(instance("down_timer_adverts 2")) == [])
        #expect(said(instance("")) == [])
        #expect(said(instance("accept\ndebug 3\nversion 2\nmcast_dst_ip 224.0.0.18")) == [])
        #expect(
            said(
                "vrrp_script s {\nscript \"/usr/local/bin/check\"\nuser checker\ninit_fail\n}\n"
                    + instance("track_script { s }")
            ) == []
        )
        #expect(
            said(
                "tandem {\nproxy_watchdog 0.5\nvip_lease 0\non_takeover restart\n}\n"
                    + instance("")
            ) == []
        )
    }
}

/// A case of a transcript: `=== WRAPPER: NAME`, the input, `---`, and what is said about it.
struct TranscriptCase: CustomTestStringConvertible, Sendable {
    var wrapper: String
    var name: String
    var input: [String] = []
    var expected: [String] = []
    var testDescription: String { name }

    static func read(_ bytes: [UInt8]) -> [TranscriptCase] {
        var cases: [TranscriptCase] = []
        var expects = false
        for line in String(decoding: bytes, as: UTF8.self).split(
            separator: "\n",
            omittingEmptySubsequences: true
        ).map(String.init) {
            if line.hasPrefix("=== ") {
                let parts = line.dropFirst(4).split(separator: ":", maxSplits: 1)
                cases.append(
                    TranscriptCase(
                        wrapper: String(parts[0]),
                        name: String(parts[parts.count - 1].dropFirst())
                    )
                )
                expects = false
            } else if line == "---" {
                expects = true
            } else if !cases.isEmpty {
                if expects {
                    cases[cases.count - 1].expected.append(line)
                } else {
                    cases[cases.count - 1].input.append(line)
                }
            }
        }
        return cases
    }

    func text(expecting said: [String]) -> String {
        (["=== \(wrapper): \(name)"] + input + ["---"] + said).joined(separator: "\n") + "\n"
    }

    /// The input inside what it needs around it.
    var wrapped: String {
        let body = input.joined(separator: "\n")
        switch wrapper {
        case "instance": return instance(body)
        case "tracking": return instance("track_script {\n\(body)\n}", scripts: checkScript)
        case "script": return "vrrp_script s {\n\(body)\n}\n" + instance("track_script { s }")
        case "tandem": return "tandem {\n\(body)\n}\n" + instance("")
        case "before": return body + "\n" + instance("")
        case "after": return instance("") + "\n" + body
        case "address":
            return "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\n"
                + "virtual_ipaddress {\n\(body)\n}\n}\n"
        default: return body
        }
    }
}

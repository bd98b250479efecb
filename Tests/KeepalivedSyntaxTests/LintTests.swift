import KeepalivedSyntax
import Primitives
import Testing

/// What would happen if a check failed, in a sentence.
@Suite struct LintTests {
    private func node(
        _ body: String,
        script: String = "weight -2"
    ) throws -> KeepalivedConfiguration {
        let text =
            "vrrp_script chk {\nscript \"/usr/local/bin/check\"\n\(script)\n}\n"
            + instance(body + "\ntrack_script {\nchk\n}")
        return try #require(parse(text).configuration)
    }

    private func said(
        _ node: KeepalivedConfiguration,
        peer: KeepalivedConfiguration? = nil
    ) -> [String] {
        KeepalivedLint.findings(node, peer: peer).map { withoutTime($0.description) }
    }

    /// How long it takes is the virtual router's matter.
    private func withoutTime(_ text: String) -> String {
        let parts = text.split(separator: " moves after ", maxSplits: 1)
        guard parts.count == 2 else { return text }
        return parts[0] + " moves after T" + parts[1].drop { $0.isNumber || $0 == "." }
    }

    private func seed(_ name: String) throws -> KeepalivedConfiguration {
        let source = SourceText(path: name, bytes: fixture("seed/\(name).keepalived.conf"))
        return try #require(
            KeepalivedParser.parse(source, environment: machine(programs: [])).configuration
        )
    }

    @Test("The founding pair fails over, and its check is answered by the proxy's health")
    func seeds() throws {
        let (first, second) = (try seed("machine1"), try seed("machine2"))
        #expect(
            said(first, peer: second) == [
                "machine1:1: note: 'VI_1': if chk_haproxy fails here, the VIP moves after T s: "
                    + "101 is below the peer's 100 + 2; whatever the weight, a proxy that hangs or "
                    + "can't be restarted makes this node step down"
            ]
        )
        #expect(
            said(second, peer: first) == [
                "machine2:1: note: 'VI_1': if chk_haproxy fails here, nothing moves: while both nodes "
                    + "are well, the peer is MASTER with 101 + 2 against 100 + 2; whatever the weight, "
                    + "a proxy that hangs or can't be restarted makes this node step down"
            ]
        )
        #expect(
            said(second) == [
                "machine2:7: note: what a failed check of 'VI_1' does at priority 100 can't be known "
                    + "without the other node's file (check with '--peer FILE')"
            ]
        )
    }

    @Test("A weight that never moves the address is found, with the one that does")
    func tooLight() throws {
        #expect(
            said(try node("priority 150")) == [
                "k.conf:1: warning: 'VI_1': if chk fails here, the VIP does not move: 150 - 2 is "
                    + "still above the peer's 100 (a peer of priority 100 is assumed) (write "
                    + "'weight -51' (or a larger one) on both nodes)"
            ]
        )
        #expect(
            said(
                try node("priority 150", script: "weight 2"),
                peer: try node("priority 100", script: "weight 2")
            )
                == [
                    "k.conf:1: warning: 'VI_1': if chk fails here, the VIP does not move: 150 is still "
                        + "above the peer's 100 + 2 (write 'weight 51' (or a larger one) on both nodes)"
                ]
        )
        // The mend is true.
        let mended = said(
            try node("priority 150", script: "weight -51"),
            peer: try node("priority 100", script: "weight -51")
        )
        #expect(mended.allSatisfy { $0.contains("note: 'VI_1': if chk fails here, the VIP moves") })
        #expect(mended.count == 1)
    }

    @Test("nopreempt defeats a weight; a FAULT does not care")
    func nopreempt() throws {
        let peer = try node("priority 100\nnopreempt", script: "weight -60")
        let weighted = said(try node("priority 150\nnopreempt", script: "weight -60"), peer: peer)
        #expect(
            weighted == [
                "k.conf:1: warning: 'VI_1': if chk fails here, the VIP does not move: 150 - 60 is below "
                    + "the peer's 100, but the peer does not preempt (nopreempt) (remove 'nopreempt' on "
                    + "both nodes, or write 'weight 0': a failure is then a FAULT, and the VIP moves)"
            ]
        )
        let fault = said(
            try node("priority 150\nnopreempt", script: "weight 0"),
            peer: try node("priority 100\nnopreempt", script: "weight 0")
        )
        #expect(fault.count == 1)
        #expect(fault[0].contains("the VIP moves after"))
        #expect(fault[0].contains("this node goes to FAULT"))
    }

    @Test("Nodes that drop each other's adverts are an error; nodes that agree are none")
    func split() throws {
        let node = try node("priority 150\nadvert_int 1", script: "weight 0")
        let other = try self.node("priority 100\nadvert_int 2", script: "weight 0")
        let findings = KeepalivedLint.findings(node, peer: other)
        #expect(findings.map(\.severity) == [.error])
        #expect(findings[0].message.contains("both nodes are MASTER at once"))
        let agreeing = try self.node("priority 100\nadvert_int 1", script: "weight 0")
        #expect(KeepalivedLint.findings(node, peer: agreeing).map(\.severity) == [.note])
    }

    @Test("A router that the other node lacks, or whose addresses differ, is a warning")
    func differences() throws {
        let here = try #require(parse(instance("priority 150")).configuration)
        let other =
            "vrrp_instance X {\ninterface eth0\nvirtual_router_id 52\n"
            + "virtual_ipaddress { 192.0.2.10 }\n}\n"
        #expect(
            said(here, peer: parse(other).configuration) == [
                "k.conf:2: warning: the other node has no vrrp_instance with virtual_router_id 51, so "
                    + "nothing takes over for 'VI_1' (give both nodes the same virtual_router_id)"
            ]
        )
        let more =
            "vrrp_instance X {\ninterface eth0\nvirtual_router_id 51\n"
            + "virtual_ipaddress {\n192.0.2.10\n192.0.2.11\n}\n}\n"
        #expect(
            said(here, peer: parse(more).configuration).first
                == "k.conf:2: warning: the addresses of 'VI_1' differ between the nodes: 192.0.2.11 "
                + "(only there) (list the same ones on both nodes)"
        )
    }

    @Test("Without a check there is still something to say")
    func untracked() throws {
        let node = try #require(parse(instance("priority 150")).configuration)
        #expect(
            said(node) == [
                "k.conf:2: note: 'VI_1' tracks no check; a proxy that hangs or can't be restarted makes "
                    + "this node step down all the same"
            ]
        )
    }
}

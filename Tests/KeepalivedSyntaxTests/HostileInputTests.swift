import Glibc
import KeepalivedSyntax
import Primitives
import Testing

/// Whatever the bytes are, the parser returns, and a configuration comes without an error.
@Suite struct HostileInputTests {
    static let corpus: [[UInt8]] =
        [
            fixture("seed/machine1.keepalived.conf"), fixture("seed/machine2.keepalived.conf"),
            Array(everything.utf8), Array(wide.utf8),
        ] + CorpusTests.outcomes.map { fixture("keepalived/\($0.file)") }
        + SyntaxNoiseTests.snippets.map { Array($0.text.utf8) }

    static let everything = """
        $IF=eth0
        global_defs { router_id x
          script_user nobody nogroup
          vrrp_garp_master_delay 10
          default_interface $IF }
        tandem { proxy_watchdog 1.5
          on_takeover reload
          vip_lease 2 }
        vrrp_script chk { script "kill -0 `pidof haproxy` > /dev/null" interval .2 weight -20 reverse }
        vrrp_instance VI_1 { state BACKUP
          interface ${IF}
          virtual_router_id 51
          @node1 priority 150
          authentication { auth_type PASS
             auth_pass "12345678" }
          virtual_ipaddress { 10.0.0.1/24 dev eth1 label a:b brd + scope 253 10.0.0.2 }
          track_script { chk weight -2 reverse
            chk2 }
          track_interface { eth1 weight 10 }
          notify_master '/bin/notify "a b"' root root
          preempt_delay 3.25 }
        """

    /// What version 3, unicast and the blocks beside an instance add.
    static let wide = """
        $V= \\
          version 3 \\
          $N=1 \\
          advert_int 0.0${N}5
        global_defs { vrrp_version 3 vrrp_mcast_group6 ff02::13 vrrp_garp_interval .000001
          vrrp_notify_fifo /run/f nobody root
          vrrp_notify_fifo_script "/bin/notify -x" nobody
          vrrp_startup_delay 5.5 vrrp_down_timer_adverts 4 vmac_prefix v }
        interface_up_down_delays { eth0 .5 1
          eth1 255 }
        garp_group { garp_interval 0.5
          interfaces { eth0 eth1 } }
        vrrp_track_process p { process "/a b" c "d e"
          param_match partial quorum 2 quorum_max 4 delay 1.5 weight -254 reverse }
        track_file f { file /run/f
          init_file -5 overwrite
          weight 254 }
        vrrp_sync_group G { group { A B }
          track_file { f weight 0 reverse }
          notify_master "/bin/notify a" }
        vrrp_instance A { interface eth0
          virtual_router_id 1
          $V
          unicast_src_ip 192.0.2.1
          unicast_ttl 64
          unicast_peer{ 192.0.2.2 min_ttl 1 max_ttl 255
            192.0.2.3 }
          virtual_ipaddress { 10.0.0.1/24 peer 10.0.0.2/32 preferred_lft forever no_track }
          virtual_ipaddress_excluded { 2001:db8::1/64 home mngtmpaddr }
          use_vmac v.1
          vmac_xmit_base
          track_process { p }
          track_gateway 192.0.2.254 }
        vrrp_instance B { interface eth1
          virtual_router_id 2
          virtual_ipaddress { fe80::2 2001:db8::2/64 noprefixroute }
          mcast_dst_ip ff02::14
          mcast_src_ip fe80::1
          track_src_ip
          notify_deleted }
        """

    @Test("Mutated files never trap, and only a file without an error becomes a configuration")
    func mutations() {
        var random = SeededGenerator(seed: 0x7A11_DE35)
        let environment = machine(files: ["/etc/x.conf": Self.everything])
        var loaded = 0
        let rounds = mutationCount
        for _ in 0..<rounds {
            let bytes = mutated(Self.corpus, &random)
            let parsed = KeepalivedParser.parse(
                SourceText(path: "k.conf", bytes: bytes),
                environment: environment
            )
            let hasError = parsed.diagnostics.contains { $0.severity == .error }
            if hasError == (parsed.configuration != nil) {
                Issue.record("\(parsed.diagnostics) from \(bytes)")
                return
            }
            loaded += hasError ? 0 : 1
            // What would happen is asked of every tenth.
            if loaded % 10 == 0, let configuration = parsed.configuration {
                _ = KeepalivedLint.findings(configuration, peer: configuration)
            }
        }
        print("keepalived.conf: \(rounds) mutations, \(loaded) still load")
        #expect(loaded > 0 && loaded < rounds)
    }

    @Test("What a fuzzer calls returns for any bytes, and reads a good file")
    func fuzzEntry() {
        #expect(KeepalivedParser.parse(bytes: []).configuration == nil)
        #expect(KeepalivedParser.parse(bytes: Array(0...255)).configuration == nil)
        #expect(KeepalivedParser.parse(bytes: Array(instance("").utf8)).configuration != nil)
    }

    @Test("Variables of several lines that multiply are bounded")
    func multiplying() {
        // Each stands for sixteen of the one before, on lines that another host's condition drops.
        let body = String(repeating: " \\\n$A%", count: 16)
        let definitions = (1...12).map {
            "$A\($0)=" + body.replacing("%", with: "\($0 - 1)") + "\n"
        }
        let text = "$A0=@other x\n" + definitions.joined() + "$A12\n" + instance("")
        let clock = ContinuousClock()
        let start = clock.now
        let parsed = parse(text)
        #expect(clock.now - start < .seconds(20))
        #expect(parsed.diagnostics.contains { $0.message.contains("stand for more than") })
        #expect(said("$A=@other x\n$A\n" + instance("")) == [])
    }

    @Test("A file of more than 1 MiB is refused; just below, it is read")
    func size() {
        let comment = Array(
            repeating: Array("# 345678901234567890123456789012\n".utf8),
            count: 31_000
        )
        .flatMap(\.self)
        let good = Array(instance("").utf8)
        #expect(read(good + [10] + comment).diagnostics == [])
        let large = read(good + [10] + comment + comment)
        #expect(
            large.diagnostics.map(\.description).first
                == "k.conf:1: error: the configuration is larger than 1 MiB (make it smaller)"
        )
    }

    @Test("Depth, statements, lines and diagnostics are bounded")
    func bounds() {
        let deep = parse(String(repeating: "a {\n", count: 100_000))
        #expect(deep.configuration == nil)
        #expect(deep.diagnostics.count <= 402)
        let many = parse(String(repeating: "a\n", count: 200_000))
        #expect(many.diagnostics.last?.message.hasSuffix("more diagnostics are not shown") == true)
        let wide = parse("a " + String(repeating: "x", count: 200_000))
        #expect(
            wide.diagnostics.map(\.description).first
                == "k.conf:1: error: the line is longer than 64 KiB (split it)"
        )
        // Every definition doubles the one before.
        let doubling =
            "$A0=xxxxxxxx\n" + (1...60).map { "$A\($0)=$A\($0 - 1)$A\($0 - 1)\n" }.joined()
        #expect(
            parse(doubling + "$A60\n").diagnostics.contains {
                $0.message.contains("longer than 64 KiB")
            }
        )
    }

    private func read(_ bytes: [UInt8]) -> ParsedKeepalived {
        KeepalivedParser.parse(SourceText(path: "k.conf", bytes: bytes), environment: machine())
    }
}

/// `TANDEM_MUTATIONS` asks for a longer run.
let mutationCount: Int = {
    guard let text = unsafe getenv("TANDEM_MUTATIONS") else { return 10_000 }
    return unsafe Int(String(cString: text)) ?? 10_000
}()

/// One of the files with some bytes changed, removed, doubled or taken from another file.
func mutated(_ corpus: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(max(limit, 1))) }
    let marks =
        Array("{}\"'\\\n\r\t #!$@=:/-+.0159,;%[]\u{FF}\u{0}~".utf8) + [0xE2, 0x80, 0x9C, 0xC2]
    var bytes = corpus[below(corpus.count)]
    for _ in 0...below(6) {
        let place = below(bytes.count)
        switch below(16) {
        case 0...2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        case 3...6: bytes.insert(marks[below(marks.count)], at: place)
        case 7...9: if !bytes.isEmpty { bytes[place] = marks[below(marks.count)] }
        case 10...12: bytes.removeSubrange(place..<min(bytes.count, place + below(12)))
        case 13...14:
            let other = corpus[below(corpus.count)]
            let start = below(other.count)
            bytes.insert(contentsOf: other[start..<min(other.count, start + below(40))], at: place)
        default: bytes.removeSubrange(min(bytes.count, place + 1)...)
        }
    }
    return bytes
}

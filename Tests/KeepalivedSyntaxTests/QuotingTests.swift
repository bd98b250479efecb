import KeepalivedSyntax
import Primitives
import Testing
import VRRP

/// Quotes and backslashes: keepalived knows apostrophes and escapes in commands alone (2.2.7, by its dump).
@Suite struct QuotingTests {
    private func password(_ written: [UInt8]) throws -> [UInt8]? {
        let text = instance("authentication {\nauth_type PASS\nauth_pass PASSWORD\n}")
        let bytes = Array(text.utf8)
        let mark = Array("PASSWORD".utf8)
        let place = try #require(
            bytes.indices.first { bytes[$0...].starts(with: mark) }
        )
        let source = SourceText(
            path: "k.conf",
            bytes: bytes[..<place] + written + bytes[(place + mark.count)...]
        )
        let parsed = KeepalivedParser.parse(source, environment: machine())
        let router = try #require(
            parsed.configuration?.routers.first,
            "\(parsed.diagnostics.map(\.description))"
        )
        guard case .password(let bytes) = router.authentication else { return nil }
        return Array(bytes.prefix { $0 != 0 })
    }

    @Test(
        "A password goes to the wire as keepalived sends it",
        arguments: [
            ("'12345678'", "'1234567"), ("it's", "it's"), ("'a b'", "'a"),
            (#"1234567\\"#, #"1234567\"#), (#"a\\b"#, #"a\\b"#), (#"a\\"#, #"a\\"#),
            (#""a b""#, "a b"), (#""x"y"#, "x"), (#"a"b"c"#, "a"), (#""a\\b""#, #"a\\b"#),
            ("p\\\\#x", #"p\\"#), (#""a!#""#, "a!#"), ("“ab”", "“ab”".prefixOfEightBytes),
            ("a\u{A0}b", "a\u{A0}b"), ("p$xy", "p$xy"),
        ]
    )
    func passwords(written: String, sent: String) throws {
        #expect(try password(Array(written.utf8)) == Array(sent.utf8))
    }

    @Test("Bytes of a password that are no UTF-8 are sent as they are")
    func rawPassword() throws {
        #expect(try password([0x70, 0xE9, 0x73]) == [0x70, 0xE9, 0x73])
        #expect(
            try password(Array("1234567".utf8) + [0xE9]) == Array("1234567".utf8) + [0xE9]
        )
    }

    @Test("Apostrophes are part of a word that is no command")
    func apostrophes() {
        let said = said(instance("priority '150'"))
        #expect(said.count == 1)
        #expect(said.first?.contains("'priority '150'' is not a number of 1 to 255") == true)
    }

    @Test(
        "A command is unquoted and unescaped twice, as in keepalived",
        arguments: [
            (#""/bin/notify 'a b' \"c d\" e\tf \x41 g\.h""#, ["a b", "c d", "e", "f", "A", "g.h"]),
            (#""/bin/notify a\tb \"x y\" c\d""#, ["a", "b", "x y", "cd"]),
            (#"'/bin/notify a b'"#, ["a", "b"]), (#"/bin/notify\ a\ b"#, ["a", "b"]),
            (#""/bin/notify r\\s""#, ["rs"]), (#""/bin/notify r\\\\s""#, [#"r\s"#]),
            (#""/bin/notify a#b!""#, ["a#b!"]), (#"/bin/not"ify a"' b'"#, ["a", "b"]),
        ]
    )
    func commands(written: String, arguments: [String]) throws {
        let parsed = parse(instance("notify_master \(written)"))
        let programs = try #require(
            parsed.configuration?.notifications["VI_1"],
            "\(parsed.diagnostics.map(\.description))"
        )
        #expect(programs.master?.arguments == ["/bin/notify"] + arguments)
    }

    @Test("Words of a tracked process are no command: apostrophes stay")
    func process() throws {
        let text =
            "vrrp_track_process p {\nprocess \"/bin/foo\" \"a b\" 'c d' e\\ f\n}\n"
            + instance("track_process { p }")
        let process = try #require(parse(text).configuration?.processes.first)
        #expect(process.program == "/bin/foo")
        #expect(process.match == .arguments(["a b", "'c", "d'", "e\\", "f"], .equal))
    }
}

extension String {
    fileprivate var prefixOfEightBytes: String { String(decoding: utf8.prefix(8), as: UTF8.self) }
}

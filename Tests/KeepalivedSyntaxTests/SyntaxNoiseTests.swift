import KeepalivedSyntax
import Primitives
import Testing
import VRRP

/// Files as they are in the wild: they load where keepalived loads them.
@Suite struct SyntaxNoiseTests {
    struct Snippet: CustomTestStringConvertible, Sendable {
        var name: String
        var text: String
        /// What the priority of VI_1 comes to, as a proof that the line was read.
        var priority: UInt8 = 150
        /// Programs that have to exist for it.
        var programs: Set<String> = ["/bin/sh"]
        var testDescription: String { name }
    }

    static let head = "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\n"
    static let vip = "virtual_ipaddress {\n192.0.2.10\n}\n"

    static let snippets: [Snippet] = [
        Snippet(name: "a comment behind a setting", text: "\(head)priority 150 # first\n\(vip)}\n"),
        Snippet(
            name: "a comment with !",
            text: "! global\n\(head)  ! here\npriority 150 ! x\n\(vip)}"
        ),
        Snippet(name: "no newline at the end", text: "\(head)priority 150\n\(vip)}"),
        Snippet(name: "tabs", text: "\(head)\t\tpriority\t150\t\n\(vip)}\n"),
        Snippet(name: "CRLF", text: "\(head)priority 150\n\(vip)}\n".withCRLF),
        Snippet(name: "a byte order mark", text: "\u{FEFF}\(head)priority 150\n\(vip)}\n"),
        Snippet(name: "Chinese comments", text: "\(head)priority 150 # 优先级\n# 虚拟地址\n\(vip)}\n"),
        Snippet(name: "Russian comments", text: "! Конфигурация\n\(head)priority 150\n\(vip)}\n"),
        Snippet(
            name: "a brace alone on its line",
            text: "vrrp_instance VI_1\n{\ninterface eth0\nvirtual_router_id 51\n"
                + "priority 150\nvirtual_ipaddress\n{\n192.0.2.10\n}\n}\n"
        ),
        Snippet(
            name: "a brace without a space",
            text: "vrrp_instance VI_1{\ninterface eth0\nvirtual_router_id 51\npriority 150\n"
                + "virtual_ipaddress{\n192.0.2.10\n}}\n"
        ),
        Snippet(
            name: "a whole block on a line",
            text: "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\npriority 150\n"
                + "virtual_ipaddress { 192.0.2.10 }\n}\n"
        ),
        Snippet(name: "quoted values", text: "\(head)priority \"150\"\n\(vip)}\n"),
        Snippet(
            name: "apostrophes, which quote commands alone",
            text: "\(head)priority '150'\n\(vip)}\n",
            priority: 100
        ),
        Snippet(
            name: "definitions",
            text: "$PRIO=150\n$NIC = eth0\n\(head)priority $PRIO\n"
                + "interface ${NIC}\n\(vip)}\n"
        ),
        Snippet(
            name: "a definition that uses another",
            text: "$A=15\n$B=${A}0\n\(head)priority $B\n\(vip)}\n"
        ),
        Snippet(
            name: "a definition of what is defined later",
            text: "$A=${B}0\n$B=15\n\(head)priority $A\n\(vip)}\n"
        ),
        Snippet(
            name: "a definition of several lines",
            text: "$BODY=interface eth0 \\\nvirtual_router_id 51 \\\npriority 150\n"
                + "vrrp_instance VI_1 {\n$BODY\n\(vip)}\n"
        ),
        Snippet(name: "a continued line", text: "\(head)priority \\\n150\n\(vip)}\n"),
        Snippet(
            name: "lines for this host and for others",
            text: "\(head)@node1 priority 150\n@node2 priority 90\n@^node1 priority 80\n\(vip)}\n"
        ),
        Snippet(
            name: "the full name of this host",
            text: "\(head)@node1.example.com priority 150\n\(vip)}\n"
        ),
        Snippet(
            name: "blank lines and spaces",
            text: "\n  \n\t\n\(head)   priority   150  \n\n\(vip)}\n\n"
        ),
        Snippet(name: "a space that does not break", text: "\(head)priority\u{A0}150\n\(vip)}\n"),
        Snippet(
            name: "bytes that are not UTF-8",
            text: "\(head)priority 150\n\(vip)}\n# \u{FFFD}\n"
        ),
        Snippet(
            name: "the sample of the distribution",
            text: """
                ! Configuration File for keepalived
                global_defs {
                   notification_email {
                     acassen@firewall.loc
                   }
                   notification_email_from Alexandre.Cassen@firewall.loc
                   smtp_server 192.168.200.1
                   smtp_connect_timeout 30
                   router_id LVS_DEVEL
                   vrrp_skip_check_adv_addr
                   vrrp_garp_interval 0
                   vrrp_gna_interval 0
                   max_auto_priority
                }
                \(head)priority 150
                advert_int 1
                authentication {
                    auth_type PASS
                    auth_pass 1111
                }
                \(vip)}
                """
        ),
        Snippet(
            name: "an address with all its options",
            text: "\(head)priority 150\n"
                + "virtual_ipaddress {\n192.0.2.10/24 brd 192.0.2.255 dev eth0 scope global "
                + "label eth0:vip\n}\n}\n"
        ),
        Snippet(
            name: "SLAVE for a state, as people write",
            text: "\(head)state SLAVE\npriority 150\n\(vip)}\n"
        ),
        Snippet(
            name: "two statements on a line",
            text: "\(head)state MASTER priority 200\n\(vip)}\n",
            priority: 200
        ),
        Snippet(
            name: "a format in a quoted command",
            text: "vrrp_script s {\nscript \"/bin/sh -c 'docker inspect -f {{.State}} x'\"\n}\n"
                + "\(head)priority 150\ntrack_script { s }\n\(vip)}\n"
        ),
        Snippet(
            name: "the directory of the file and its host",
            text: "vrrp_script s {\nscript \"${_PWD}/../bin/sh $_INSTANCE $UNKNOWN\"\n}\n"
                + "\(head)priority 150\n\(vip)}\n",
            programs: ["./../bin/sh"]
        ),
        Snippet(
            name: "a typographic quote",
            text: "\(head)priority “150”\n\(vip)}\n"
        ),
    ]

    @Test("Messy files load", arguments: snippets)
    func loads(_ snippet: Snippet) throws {
        let parsed = parse(snippet.text, machine(programs: snippet.programs))
        let configuration = try #require(
            parsed.configuration,
            "\(parsed.diagnostics.map(\.description))"
        )
        let router = try #require(configuration.routers.first)
        #expect(router.basePriority == snippet.priority)
        #expect(router.interface == "eth0")
        #expect(
            router.addresses.map(\.prefix.address) == [.v4(IPv4Address(192, 0, 2, 10))]
        )
    }

    @Test("A file loads where its neighbour does not: the missing brace is found where it shows")
    func braces() {
        #expect(
            said("vrrp_script a {\nscript \"/usr/local/bin/check\"\nvrrp_script b {\n}\n")
                .contains(
                    "k.conf:3: error: 'vrrp_script' inside the block 'vrrp_script' of line 1, which is "
                        + "never closed (add the missing '}' above this line)"
                )
        )
        #expect(
            said(instance("") + "\n}\n") == [
                "k.conf:10: warning: '}' without a '{' before it (remove it)"
            ]
        )
        #expect(said(instance("") + "\n") == [])
        #expect(
            said("vrrp_instance VI_1 {\ninterface eth0\n").first
                == "k.conf:1: error: the block 'vrrp_instance' is never closed (add the missing '}')"
        )
    }

    @Test("Files are included, relative to the file that names them")
    func includes() throws {
        let files = [
            "/etc/tandem/conf.d/a.conf": checkScript,
            "/etc/tandem/conf.d/b.conf": instance("priority 150\ntrack_script { check }"),
        ]
        let source = SourceText(
            path: "/etc/tandem/keepalived.conf",
            text: "include conf.d/*.conf\n"
        )
        let parsed = KeepalivedParser.parse(source, environment: machine(files: files))
        #expect(parsed.diagnostics == [])
        let configuration = try #require(parsed.configuration)
        #expect(configuration.routers.map(\.basePriority) == [150])
        #expect(configuration.scripts.first?.location.file == "/etc/tandem/conf.d/a.conf")
    }

    @Test("A file that is missing is an error; a pattern without a match is a warning")
    func missingInclude() {
        let plain = said("include other.conf\n" + instance(""))
        #expect(
            plain == [
                "k.conf:1: error: no file matches 'include other.conf' (make the file readable, or "
                    + "remove it)"
            ]
        )
        let pattern = said("include conf.d/*.conf\n" + instance(""))
        #expect(
            pattern == [
                "k.conf:1: warning: no file matches 'include conf.d/*.conf' (is the path right?)"
            ]
        )
    }

    @Test("A file that includes itself ends")
    func includeLoop() {
        let parsed = parse("include k.conf\n", machine(files: ["k.conf": "include k.conf\n"]))
        #expect(parsed.configuration == nil)
        #expect(parsed.diagnostics.contains { $0.message.contains("nested deeper than 16") })
    }

    @Test("A definition of several lines stands for several statements")
    func severalLines() {
        let text =
            "$BODY=interface eth0 \\\nvirtual_router_id 51 \\\nvirtual_ipaddress { \\\n"
            + "192.0.2.1 \\\n192.0.2.2 \\\n}\nvrrp_instance VI_1 {\n$BODY\n}\n"
        #expect(said(text) == [])
        #expect(parse(text).configuration?.routers.first?.addresses.count == 2)
    }

    @Test("An environment variable of the service stands for its value")
    func environmentVariable() throws {
        let text =
            "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\n"
            + "virtual_ipaddress {\n${_ENV VIP}/24\n}\n}\n"
        let router = try #require(parse(text).configuration?.routers.first)
        #expect(router.addresses.map(\.prefix.description) == ["192.0.2.77/24"])
    }
}

extension String {
    fileprivate var withCRLF: String { split(separator: "\n").joined(separator: "\r\n") + "\r\n" }
}

import KeepalivedSyntax
import Primitives
import Testing

/// Programs and who runs them: the first word is the command, a second and third are user and group.
@Suite struct CommandTests {
    @Test(
        "The words behind an unquoted command are its user and group",
        arguments: ["/bin/notify", "\"/bin/notify\"", "'/bin/notify'"]
    )
    func owner(command: String) throws {
        let parsed = parse(instance("notify_master \(command) nobody root"))
        #expect(parsed.diagnostics == [])
        let master = try #require(parsed.configuration?.notifications["VI_1"]?.master)
        #expect(master.arguments == ["/bin/notify"])
        #expect(master.user == "nobody" && master.group == "root")
    }

    @Test("An argument that was not quoted is an error, for it would be a user")
    func unquotedArgument() {
        #expect(
            said(instance("notify_master /bin/notify MASTER")) == [
                "k.conf:8: error: there is no user 'MASTER' on this machine: behind a command stand "
                    + "its user and group (quote the command with its arguments: "
                    + "notify_master \"/bin/notify MASTER\")"
            ]
        )
        let more = said(instance("notify_master \"/bin/notify\" nobody root up"))
        #expect(
            more == [
                "k.conf:8: warning: 'up' behind the user and group of 'notify_master' is ignored "
                    + "(remove it, or quote the command with its arguments)"
            ]
        )
    }

    @Test("The program of a FIFO is followed by its user and group as well")
    func fifo() throws {
        let text =
            "global_defs {\nvrrp_notify_fifo /run/a\n"
            + "vrrp_notify_fifo_script /bin/notify nobody root\n}\n" + instance("")
        let fifo = try #require(parse(text).configuration?.global.notifyFIFOs.first)
        #expect(fifo.script == ["/bin/notify"])
        #expect(fifo.scriptUser == "nobody" && fifo.scriptGroup == "root")
    }

    @Test(
        "What follows the first word of a script is not passed, and that is said",
        arguments: ["/usr/local/bin/check a b", "\"/usr/local/bin/check\" a b"]
    )
    func script(command: String) throws {
        let text = "vrrp_script s {\nscript \(command)\n}\n" + instance("track_script { s }")
        let parsed = parse(text)
        #expect(parsed.configuration?.scripts.first?.arguments == ["/usr/local/bin/check"])
        #expect(
            parsed.diagnostics.map(\.description) == [
                "k.conf:2: warning: 'a b' is not passed to '/usr/local/bin/check', as in keepalived: "
                    + "a command is one word (quote it with its arguments: "
                    + "script \"/usr/local/bin/check a b\")"
            ]
        )
    }
}

import Glibc
import LinuxIO
import Testing

@testable import SupervisorRuntime

@Suite("Who may be the proxy")
struct ProxyUserTests {
    private func user(_ text: String) throws -> ProxyUser {
        let path = "/tmp/tandem-proxy-user-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).cfg"
        defer { unlink(path) }
        let file = FileDescriptor(owning: open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600))
        _ = try file.write(Array(text.utf8))
        return ProxyUser(files: [path])
    }

    private func peer(_ uid: UInt32) -> PeerCredentials {
        PeerCredentials(pid: 1, uid: uid, gid: uid)
    }

    @Test(
        "haproxy.cfg says who it is, also when something else in it is wrong",
        arguments: [
            ("global\n  user nobody\n", 65534), ("global\n  uid 4711\n", 4711),
            ("global\n  user daemon\n  sevrer\nlisten a\n  bnid :1\n", 1),
        ] as [(String, UInt32)]
    )
    func named(_ text: String, _ uid: UInt32) throws {
        let user = try user(text)
        #expect(user.uid == uid)
        #expect(user.isTrusted(peer(uid)))
        #expect(user.isTrusted(peer(0)))
        #expect(!user.isTrusted(peer(uid + 1)))
    }

    @Test("Without a word it is haproxy, and a user that does not exist is nobody's")
    func unnamed() throws {
        #expect(try user("defaults\n").name == "haproxy")
        #expect(ProxyUser(files: ["/nonexistent"]).name == "haproxy")
        let nobody = try user("global\n  user no-such-user-here\n")
        #expect(nobody.uid == nil)
        #expect(!nobody.isTrusted(peer(4711)))
        #expect(nobody.isTrusted(peer(0)))
    }
}

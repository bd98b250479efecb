import Glibc
import Links
import LinuxIO
import Messages
import Primitives
import Testing

@testable import SupervisorRuntime

@Suite("The supervisor's end of a link", .timeLimit(.minutes(1)))
struct PeerLinkTests {
    private let path = "/tmp/tandem-peer-link-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"

    private func link(
        trusts: @escaping (PeerCredentials, Int32?) -> Bool
    ) -> PeerLink<AgentToSupervisor, SupervisorToAgent> {
        let hello = Hello(role: .supervisor, pid: UInt32(getpid()), build: Hello.currentBuild)
        return PeerLink(path: path, token: 1, greeting: .hello(hello), trusts: trusts)
    }

    @Test("Who listens is judged by the kernel's word, and told of once")
    func stranger() throws {
        defer { unlink(path) }
        let listener = try UnixSocket.listen(at: path, mode: 0o600)
        let poller = try Poller()
        var now = Clock.now

        let wary = link { peer, _ in peer.uid != getuid() }
        #expect(wary.newStranger() == nil)
        for round in 0..<3 {
            #expect(wary.connect(poller, at: now) == nil)
            #expect(!wary.isConnected)
            let told = wary.newStranger()
            #expect((told?.pid == getpid()) == (round == 0))
            now = now + .seconds(1)
        }

        let trusting = link { peer, _ in peer.uid == getuid() }
        #expect(trusting.connect(poller, at: now)?.pid == getpid())
        #expect(trusting.isConnected)
        #expect(trusting.newStranger() == nil)
        _ = listener.rawValue
    }

    @Test("A listener of another user is heard once the service manager has told of its pid")
    func expected() throws {
        defer { unlink(path) }
        let listener = try UnixSocket.listen(at: path, mode: 0o600)
        let poller = try Poller()
        let link = link { peer, expected in peer.pid == expected }
        #expect(link.connect(poller, at: Clock.now) == nil)
        link.expected = getpid() + 1
        #expect(link.newStranger() == nil, "nobody knew then who it was")
        link.retryAtOnce()
        #expect(link.connect(poller, at: Clock.now) == nil)
        #expect(link.newStranger()?.pid == getpid())
        link.expected = getpid()
        link.retryAtOnce()
        #expect(link.connect(poller, at: Clock.now)?.pid == getpid())
        #expect(link.newStranger() == nil)
        _ = listener.rawValue
    }

    @Test("An end that is not there is tried again every 50 ms, and at once when there is news")
    func retries() throws {
        defer { unlink(path) }
        let poller = try Poller()
        let now = Clock.now
        let link = link { _, _ in true }
        #expect(link.connect(poller, at: now) == nil)
        #expect(link.nextDeadline == now + .milliseconds(50))
        let listener = try UnixSocket.listen(at: path, mode: 0o600)
        #expect(link.connect(poller, at: now + .milliseconds(49)) == nil, "it is not time")
        link.retryAtOnce()
        #expect(link.connect(poller, at: now + .milliseconds(49)) != nil)
        #expect(link.nextDeadline == nil)
        _ = listener.rawValue
    }
}

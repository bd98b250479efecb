import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@Suite(.timeLimit(.minutes(1))) struct PollerTests {
    @Test("A ready descriptor comes with its token; a deadline that has passed returns at once")
    func tokens() throws {
        var poller = try Poller()
        let pipe = try Pipe()
        try poller.add(pipe.read.rawValue, token: .max)
        var events: [ReadyEvent] = []
        try poller.wait(until: .zero, into: &events)
        #expect(events.isEmpty)
        #expect(try pipe.write.write([1]) == 1)
        try poller.wait(until: nil, into: &events)
        #expect(events.map(\.token) == [.max])
        #expect(events.first?.readiness.contains(.readable) == true)
        events.removeAll()
        try poller.modify(pipe.read.rawValue, token: 5, for: [])
        try poller.wait(until: .zero, into: &events)
        #expect(events.isEmpty)
        try poller.remove(pipe.read.rawValue)
        #expect(throws: SystemCallError("epoll_ctl", errno: ENOENT)) {
            try poller.remove(pipe.read.rawValue)
        }
    }

    @Test("A deadline is kept and not run ahead of")
    func deadline() throws {
        var poller = try Poller()
        var events: [ReadyEvent] = []
        let begun = Clock.now
        try poller.wait(until: begun + .milliseconds(30), into: &events)
        let waited = Clock.now - begun
        print("a deadline of 30 ms took \(waited.inSeconds * 1000) ms")
        #expect(waited >= .milliseconds(30) && waited < .seconds(5))
    }

    @Test("The other end's close is seen")
    func hangUp() throws {
        var poller = try Poller()
        let reader: Int32
        do {
            let pipe = try Pipe()
            reader = try pipe.read.duplicate().relinquish()
        }
        let owner = FileDescriptor(owning: reader)
        try poller.add(owner.rawValue, token: 1)
        var events: [ReadyEvent] = []
        try poller.wait(until: Clock.now + .seconds(10), into: &events)
        #expect(events.first?.readiness.contains(.hangUp) == true)
    }

    @Test("A wake-up from another thread ends a wait, and is over when it is cleared")
    func wakeUp() throws {
        var poller = try Poller()
        let wakeUp = try WakeUp()
        try poller.add(wakeUp.descriptor.rawValue, token: 9)
        wakeUp.signal()
        wakeUp.signal()
        var events: [ReadyEvent] = []
        try poller.wait(until: nil, into: &events)
        #expect(events.map(\.token) == [9])
        wakeUp.clear()
        events.removeAll()
        try poller.wait(until: .zero, into: &events)
        #expect(events.isEmpty)
    }
}

@Suite(.timeLimit(.minutes(1))) struct SignalDescriptorTests {
    @Test("A blocked signal is read from the descriptor, and none is nil")
    func signals() throws {
        let signals = try SignalDescriptor([SIGUSR2])
        #expect(signals.next() == nil)
        // To this thread only: the block is this thread's.
        pthread_kill(pthread_self(), SIGUSR2)
        #expect(signals.next() == SIGUSR2)
        #expect(signals.next() == nil)
    }

    @Test("Signals have the names that journals show")
    func names() {
        #expect(signalName(SIGKILL) == "SIGKILL" && signalName(SIGSEGV) == "SIGSEGV")
        #expect(signalName(9999) == "signal 9999")
    }
}

@Suite struct ClockTests {
    @Test("The boot-time clock never goes back, and the wall clock is in this century")
    func clocks() {
        var last = Clock.now
        for _ in 0..<1000 {
            let now = Clock.now
            #expect(now >= last)
            last = now
        }
        #expect(Clock.wall > 1_700_000_000_000_000_000)
    }
}

@Suite struct FileTests {
    @Test("A file is read whole, a missing one and one over the limit are errors with their name")
    func wholeFile() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/f"
            let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
            let raw = open(path, O_CREAT | O_WRONLY, 0o600)
            let file = FileDescriptor(owning: raw)
            let written = try file.write(content)
            #expect(written == content.count)
            #expect(try readFile(path) == content)
            #expect(throws: SystemCallError("read", on: path, errno: EFBIG)) {
                _ = try readFile(path, limit: 1000)
            }
            #expect(try readFile(path, limit: content.count) == content)
            #expect(throws: SystemCallError("open", on: directory + "/g", errno: ENOENT)) {
                _ = try readFile(directory + "/g")
            }
            #expect(throws: SystemCallError.self) { _ = try readFile(directory) }
        }
    }

    @Test("A runtime directory is made; one that others may write to, or that is none, is refused")
    func runtimeDirectory() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/run"
            try RuntimeDirectory(path: path).prepare()
            try RuntimeDirectory(path: path).prepare()
            #expect(RuntimeDirectory(path: path).agentSocket == path + "/agent.sock")
            _ = chmod(path, 0o777)
            #expect(throws: SystemCallError("trust directory", on: path, errno: EPERM)) {
                try RuntimeDirectory(path: path).prepare()
            }
            _ = rmdir(path)
            _ = close(open(path, O_CREAT | O_WRONLY, 0o600))
            #expect(throws: SystemCallError("use directory", on: path, errno: ENOTDIR)) {
                try RuntimeDirectory(path: path).prepare()
            }
        }
    }

    @Test("An error says the call, its subject and the kernel's words")
    func errors() {
        #expect(
            SystemCallError("bind", on: "/run/x", errno: EADDRINUSE).description
                == "bind /run/x: Address already in use"
        )
        #expect(SystemCallError("epoll_ctl", errno: 9999).description == "epoll_ctl: error 9999")
    }

    @Test("Users and groups are found by name, and strangers are nil")
    func users() throws {
        let root = try #require(UserIdentity.named("root"))
        #expect(root.uid == 0 && root.gid == 0 && root.groups.contains(0))
        let other = try #require(UserIdentity.named("nobody", group: "root"))
        #expect(other.uid == 65534 && other.gid == 0 && other.groups.contains(0))
        #expect(UserIdentity.named("tandem-no-such-user") == nil)
        #expect(UserIdentity.named("root", group: "tandem-no-such-group") == nil)
    }
}

import Glibc
import LinuxIO
import Primitives
import Testing

/// Runs a shell command to its end with its output.
private func shell(
    _ command: String,
    prepare: (inout Spawn) -> Void = { _ in }
) throws -> (cause: ExitCause, output: String) {
    let pipe = try Pipe()
    var spawn = Spawn(
        path: "/bin/sh",
        arguments: ["sh", "-c", command],
        environment: ["PATH=/usr/bin:/bin", "LC_ALL=C"]
    )
    spawn.standardOutput = pipe.write.rawValue
    prepare(&spawn)
    let child = try spawn.start()
    let cause = try waitForEnd(of: child)
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while let count = try pipe.read.read(into: &chunk), count > 0 {
        all.append(contentsOf: chunk[0..<count])
    }
    return (cause, String(decoding: all, as: UTF8.self))
}

/// Waits by the child's own descriptor, at most 20 s.
private func waitForEnd(of child: borrowing ChildProcess) throws -> ExitCause {
    var poller = try Poller()
    try poller.add(child.descriptor.rawValue, token: 1)
    let deadline = Clock.now + .seconds(20)
    while Clock.now < deadline {
        var events: [ReadyEvent] = []
        try poller.wait(until: deadline, into: &events)
        if let cause = child.reap() { return cause }
    }
    child.signal(SIGKILL)
    throw SystemCallError("wait", errno: ETIMEDOUT)
}

@Suite(.timeLimit(.minutes(1))) struct ChildProcessTests {
    @Test(
        "How a child ends is told as systemd and supervisord tell it",
        arguments: [
            ("exit 0", .exited(0), "exit status 0"), ("exit 7", .exited(7), "exit status 7"),
            ("kill -9 $$", .signalled(SIGKILL), "killed by SIGKILL"),
            ("kill -TERM $$", .signalled(SIGTERM), "killed by SIGTERM"),
        ] as [(String, ExitCause, String)]
    )
    func ends(command: String, cause: ExitCause, text: String) throws {
        let ended = try shell(command).cause
        #expect(ended == cause)
        #expect("\(ended)" == text)
    }

    @Test("A running child is not reaped; its descriptor signals it; afterwards there is nobody")
    func signal() throws {
        let child = try Spawn(path: "/bin/sleep", arguments: ["sleep", "60"]).start()
        let early = child.reap()
        #expect(early == nil)
        let delivered = child.signal(SIGKILL)
        #expect(delivered)
        let cause = try waitForEnd(of: child)
        #expect(cause == .signalled(SIGKILL))
        let again = child.reap()
        let afterwards = child.signal(0)
        #expect(again == nil && !afterwards)
    }

    @Test(
        "What fails before the program runs is the caller's error, with its reason",
        arguments: [
            ("/tmp/tandem-no-such-program", ENOENT), ("/etc/passwd", EACCES), ("/tmp", EACCES),
        ]
    )
    func failures(path: String, errno: Int32) throws {
        let error = try #require(throws: SystemCallError.self) {
            _ = try Spawn(path: path, arguments: [path]).start()
        }
        #expect(error == SystemCallError("execute", on: path, errno: errno))
    }

    @Test("A child has the environment it was given and no other")
    func environment() throws {
        let (_, output) = try shell("exec /usr/bin/env") { spawn in
            spawn.environment = ["ONE=1", "TWO=a b=c"]
        }
        #expect(
            output.split(separator: "\n").filter { !$0.hasPrefix("PWD=") && !$0.hasPrefix("_=") }
                .sorted() == ["ONE=1", "TWO=a b=c"]
        )
    }

    @Test("Passed descriptors arrive as 3, 4 … with the sd_listen_fds variables, and none else")
    func passed() throws {
        let first = try Pipe()
        let second = try Pipe()
        let extra = try Pipe()
        _ = fcntl(extra.write.rawValue, F_SETFD, 0)
        let (cause, output) = try shell(
            "echo one >&3; echo two >&4; echo $LISTEN_FDS $LISTEN_FDNAMES $((LISTEN_PID - $$)); "
                + "for fd in $(seq 0 60); do if [ -e /proc/$$/fd/$fd ]; then echo fd $fd; fi; done"
        ) { spawn in
            spawn.passed = [(first.write.rawValue, "a"), (second.write.rawValue, "b")]
        }
        #expect(cause == .exited(0))
        let lines = output.split(separator: "\n").map(String.init)
        #expect(lines.first == "2 a:b 0")
        let numbers = lines.dropFirst().compactMap { Int($0.dropFirst(3)) }
        #expect(numbers == [0, 1, 2, 3, 4], "\(lines)")
        var chunk = [UInt8](repeating: 0, count: 16)
        #expect(try first.read.read(into: &chunk) == 4)
        #expect(try second.read.read(into: &chunk) == 4)
    }

    @Test("Passed descriptors may have any numbers, also those of their own targets crosswise")
    func crossed() throws {
        let one = try Pipe()
        let two = try Pipe()
        // Numbers 0 to 4 are surely targets; the pipes' own are passed in both orders.
        for order in [
            [one.write.rawValue, two.write.rawValue], [two.write.rawValue, one.write.rawValue],
        ] {
            let (cause, _) = try shell("printf x >&3; printf yy >&4") { spawn in
                spawn.passed = order.enumerated().map { ($0.element, "n\($0.offset)") }
            }
            #expect(cause == .exited(0))
            var chunk = [UInt8](repeating: 0, count: 16)
            let counts = [try one.read.read(into: &chunk), try two.read.read(into: &chunk)]
            #expect(counts == (order[0] == one.write.rawValue ? [1, 2] : [2, 1]))
        }
    }

    @Test("A child becomes another user for good, with no supplementary groups of ours")
    func user() throws {
        try #require(getuid() == 0, "needs root")
        let nobody = try #require(UserIdentity.named("nobody"))
        let (_, output) = try shell(
            "id -u; id -g; id -G; grep -E 'CapEff|NoNewPrivs' /proc/self/status"
        ) {
            spawn in
            spawn.user = nobody
            spawn.noNewPrivileges = true
        }
        let lines = output.split(separator: "\n").map(String.init)
        #expect(Array(lines.prefix(3)) == ["65534", "65534", "65534"], "\(lines)")
        #expect(lines.contains("CapEff:\t0000000000000000") && lines.contains("NoNewPrivs:\t1"))
        // The twin: without a user it stays root.
        #expect(try shell("id -u").output == "0\n")
    }

    @Test("A process group of its own is signalled as a whole")
    func group() throws {
        let pipe = try Pipe()
        var spawn = Spawn(
            path: "/bin/sh",
            arguments: ["sh", "-c", "sleep 60 & echo started; wait"],
            environment: ["PATH=/usr/bin:/bin"]
        )
        spawn.group = .own
        spawn.standardOutput = pipe.write.rawValue
        let child = try spawn.start()
        var chunk = [UInt8](repeating: 0, count: 16)
        while try pipe.read.read(into: &chunk) == nil { usleep(1000) }
        #expect(getpgid(child.pid) == child.pid)
        let delivered = child.signalGroup(SIGKILL)
        #expect(delivered)
        let cause = try waitForEnd(of: child)
        #expect(cause == .signalled(SIGKILL))
        // Nobody of the group is left, once init has reaped the grandchild.
        let deadline = Clock.now + .seconds(10)
        while kill(-child.pid, 0) == 0, Clock.now < deadline { usleep(2000) }
        #expect(kill(-child.pid, 0) != 0)
    }

    @Test("A signal that the parent blocks or ignores works in the child")
    func signals() throws {
        SignalDescriptor.ignoreBrokenPipes()
        var blocked = sigset_t()
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGUSR1)
        pthread_sigmask(SIG_BLOCK, &blocked, nil)
        defer { pthread_sigmask(SIG_UNBLOCK, &blocked, nil) }
        let (_, output) = try shell("grep -E 'SigBlk|SigIgn' /proc/self/status")
        let masks = output.split(separator: "\n").compactMap { line in
            line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
        }
        // Signal 32 is the C library's own, which it lets nobody change.
        #expect(masks.map { $0 & ~(1 << 31) } == [0, 0], "\(output)")
    }

    @Test("A hundred children leave no descriptor behind")
    func leaks() throws {
        func pidfds() -> Int { descriptors(to: "anon_inode:[pidfd]").count }
        let before = pidfds()
        for _ in 0..<100 {
            let child = try Spawn(path: "/bin/true", arguments: ["true"]).start()
            _ = try waitForEnd(of: child)
        }
        for _ in 0..<20 {
            _ = try? Spawn(path: "/nonexistent", arguments: [""]).start()
        }
        // Other suites run beside this one and may hold a few.
        #expect(pidfds() - before < 20)
    }
}

import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import ServiceManager

/// The shell of `say_it("READY=1"); sleep`.
private let readyAndIdle = #"say_it("READY=1"); sleep 60 while 1;"#

@Suite("The stand-alone manager and real children", .serialized, .timeLimit(.minutes(1)))
struct ServiceManagerTests {
    @Test("A service becomes ready by its own word, in a process group of its own")
    func becomesReady() throws {
        let rig = try Rig(readyAndIdle)
        let pid = try rig.start()
        #expect(try rig.isReady())
        #expect(getpgid(pid) == pid)
    }

    @Test("Nobody else can say that it is ready")
    func strangersAreNotBelieved() throws {
        let rig = try Rig("sleep 60 while 1;")
        _ = try rig.start()
        let socket = try UnixDatagram.sender()
        try UnixDatagram.send(
            Array("READY=1".utf8),
            from: socket,
            to: rig.directory.notifySocket
        )
        #expect(try !rig.isReady(within: .milliseconds(300)))
    }

    @Test("A crash is told with its cause, and the service can be started again")
    func crashes() throws {
        let rig = try Rig(readyAndIdle)
        let first = try rig.start()
        #expect(try rig.isReady())
        let before = Clock.now
        kill(first, SIGKILL)
        #expect(try rig.cause() == "killed by SIGKILL")
        let second = try rig.start()
        #expect(second != first)
        #expect(try rig.isReady())
        print("killed, reaped, started and ready again in \(text(Clock.now - before))")
    }

    @Test("A program that is not there is an error of the start")
    func missingProgram() throws {
        let rig = try Rig(path: "/nonexistent/tandem-agent")
        let error = #expect(throws: SystemCallError.self) { try rig.start() }
        #expect(error?.errno == ENOENT)
    }

    @Test("The environment holds what is meant for the service and nothing else")
    func environment() throws {
        setenv("TANDEM_TEST_SECRET", "1", 1)
        defer { unsetenv("TANDEM_TEST_SECRET") }
        let rig = try Rig(#"print join(" ", sort keys %ENV), "\n"; say_it("READY=1"); sleep 60;"#)
        _ = try rig.start()
        _ = try rig.event { if case .output = $0 { true } else { false } }
        #expect(rig.output == "FDSTORE LANG NOTIFY_SOCKET PATH WATCHDOG_USEC\n")
    }

    @Test(
        "Silence for longer than the watchdog is told; a service that goes on speaking is left alone"
    )
    func watchdog() throws {
        let beat = #"say_it("WATCHDOG=1"), select(undef, undef, undef, 0.05) for 1..10;"#
        let rig = try Rig(
            #"say_it("READY=1"); \#(beat) print "silent\n"; sleep 60 while 1;"#,
            watchdog: .milliseconds(300)
        )
        _ = try rig.start()
        #expect(try rig.isReady())
        let begin = Clock.now
        let expired = try rig.event(within: .seconds(5)) { $0 == .watchdogExpired(Rig.name) }
        let took = Clock.now - begin
        #expect(expired != nil)
        // Ten beats of 50 ms put it off: without them it would have come after 300 ms.
        #expect(took > .milliseconds(700))
        print("told \(text(took)) after READY, of which 500 ms were beats; the watchdog is 300 ms")
    }

    @Test("A stop is polite")
    func stopsPolitely() throws {
        let rig = try Rig(#"$SIG{TERM} = sub { exit 0 }; \#(readyAndIdle)"#)
        _ = try rig.start()
        #expect(try rig.isReady())
        rig.stop()
        #expect(try rig.cause() == "exit status 0")
    }

    @Test("A service that does not listen to a stop is killed at its limit")
    func killsTheDeaf() throws {
        let rig = try Rig(
            #"$SIG{TERM} = 'IGNORE'; \#(readyAndIdle)"#,
            stopLimit: .milliseconds(300)
        )
        _ = try rig.start()
        #expect(try rig.isReady())
        let begin = Clock.now
        rig.stop()
        #expect(try rig.cause() == "killed by SIGKILL")
        let took = Clock.now - begin
        #expect(took >= .milliseconds(300))
        print("killed \(text(took)) after the polite word; the limit is 300 ms")
    }

    @Test("Another manager adopts what runs: it hears it, and sees its end")
    func adopts() throws {
        let rig = try Rig(
            #"say_it("READY=1"); say_it("WATCHDOG=1"), select(undef, undef, undef, 0.02) while 1;"#,
            watchdog: .milliseconds(500)
        )
        let pid = try rig.start()
        #expect(try rig.isReady())
        try rig.replaceManager()
        try rig.adopt(pid)
        let expired = try rig.event(within: .seconds(1)) { $0 == .watchdogExpired(Rig.name) }
        #expect(expired == nil)
        kill(pid, SIGSTOP)
        #expect(try rig.event { $0 == .watchdogExpired(Rig.name) } != nil)
        kill(pid, SIGKILL)
        #expect(try rig.cause()?.contains("earlier supervisor") == true)
    }

    @Test("Output is kept for tail, also what was written while no manager was there")
    func output() throws {
        let rig = try Rig(
            #"print "first\n"; say_it("READY=1"); sleep 1; print "second\n"; sleep 60 while 1;"#
        )
        let pid = try rig.start()
        #expect(try rig.isReady())
        _ = try rig.event(within: .milliseconds(200)) { _ in false }
        #expect(rig.output == "first\n")
        try rig.replaceManager()
        try rig.adopt(pid)
        _ = try rig.event { if case .output = $0 { true } else { false } }
        #expect(rig.output == "second\n")
    }

    @Test("A service that writes without end costs a bounded amount of memory")
    func floods() throws {
        let rig = try Rig(#"say_it("READY=1"); print "x" x 4095, "\n" for 1..2000; sleep 60;"#)
        _ = try rig.start()
        _ = try rig.event(within: .seconds(2)) { _ in false }
        let kept = rig.manager.tail(Rig.name, bytes: .max).count
        #expect(kept > 0 && kept <= ServiceOutput.capacity)
        print("kept \(kept) bytes of a flood of 8 MB")
    }

    @Test("The proxy that is killed gets its listening socket back at its next start")
    func descriptorsComeBack() throws {
        let file = "/tmp/tandem-manager-\(getpid()).cfg"
        defer { unlink(file) }
        try write(
            """
            defaults
                mode tcp
                timeout connect 1s
                timeout client 1s
                timeout server 1s
            listen web
                bind 127.0.0.1:28931
                server one 127.0.0.1:28932

            """,
            to: file
        )
        let directory = "/tmp/tandem-manager-\(getpid())"
        // A network namespace that goes with its processes.
        let proxy = try Rig(
            path: "/usr/bin/unshare",
            arguments: [
                "--net", productDirectory() + "/tandem-proxy", "-f", file, "--runtime-dir",
                directory,
            ]
        )
        defer {
            for entry in entries(of: directory) { unlink(directory + "/" + entry) }
            rmdir(directory)
        }
        let first = try proxy.start()
        try #require(try proxy.isReady(), Comment(rawValue: proxy.output))
        let before = sockets(of: first)
        kill(first, SIGKILL)
        #expect(try proxy.cause() == "killed by SIGKILL")
        let second = try proxy.start()
        #expect(try proxy.isReady())
        let after = sockets(of: second)
        #expect(!before.isDisjoint(with: after))
        #expect(proxy.output.contains("kept for it"))
        // Its twin: without the store there is nothing to give back.
        kill(second, SIGKILL)
        _ = try proxy.cause()
        proxy.manager.forgetDescriptors(of: Rig.name)
        let third = try proxy.start()
        #expect(try proxy.isReady())
        #expect(before.isDisjoint(with: sockets(of: third)))
    }

    /// The inodes of a process's sockets.
    private func sockets(of pid: Int32) -> Set<String> {
        let path = "/proc/\(pid)/fd"
        return Set(
            entries(of: path).compactMap { entry in
                var buffer = [CChar](repeating: 0, count: 256)
                guard readlink(path + "/" + entry, &buffer, 255) > 0 else { return nil }
                let bytes = buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
                let target = String(decoding: bytes, as: UTF8.self)
                return target.hasPrefix("socket:") ? target : nil
            }
        )
    }
}

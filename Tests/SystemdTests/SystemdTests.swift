import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import Systemd

/// The environment and the descriptors are the whole process's: each test has one of its own.
@Suite("The daemon's end of the notify protocol", .timeLimit(.minutes(10)))
struct NotifierTests {
    @Test("Each message is one datagram in systemd's words, on one line each")
    func messages() async {
        await #expect(processExitsWith: .success) {
            let manager = try Manager()
            var notifier = Notifier()
            let isActive = notifier.isActive
            #expect(isActive)
            #expect(getenv("NOTIFY_SOCKET") == nil, "no child speaks in our name")
            notifier.ready(status: "2 listeners")
            notifier.status("one\ntwo\r\nthree")
            notifier.watchdog()
            notifier.stopping()
            notifier.forget(name: "web")
            #expect(
                try manager.texts() == [
                    "READY=1\nSTATUS=2 listeners", "STATUS=one two three", "WATCHDOG=1",
                    "STOPPING=1", "FDSTOREREMOVE=1\nFDNAME=web",
                ]
            )
            notifier.reloading()
            let text = try manager.texts().first ?? ""
            #expect(text.hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
            #expect(UInt64(text.split(separator: "=").last ?? "") ?? 0 > 0)
            let lost = notifier.lost
            #expect(lost == 0)
        }
    }

    @Test("The manager sees who sent it, by the kernel's word")
    func credentials() async {
        await #expect(processExitsWith: .success) {
            let manager = try Manager()
            var notifier = Notifier()
            notifier.watchdog()
            guard let datagram = try UnixDatagram.receive(from: manager.socket) else {
                Issue.record("nothing came")
                return
            }
            let sender = datagram.sender
            #expect(sender == PeerCredentials(pid: getpid(), uid: getuid(), gid: getgid()))
        }
    }

    @Test("A descriptor is stored with its name, and is the same open file")
    func store() async {
        await #expect(processExitsWith: .success) {
            let manager = try Manager()
            var notifier = Notifier()
            let listener = FileDescriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
            notifier.store(listener.rawValue, name: "web\nREADY=1")
            guard let datagram = try UnixDatagram.receive(from: manager.socket) else {
                Issue.record("nothing came")
                return
            }
            #expect(
                String(decoding: datagram.bytes, as: UTF8.self) == "FDSTORE=1\nFDNAME=web READY=1"
            )
            #expect(datagram.descriptors.count == 1)
            var ours = stat()
            var theirs = stat()
            #expect(fstat(listener.rawValue, &ours) == 0)
            #expect(fstat(datagram.descriptors.first ?? -1, &theirs) == 0)
            #expect(ours.st_ino == theirs.st_ino)
            datagram.closeAll()
        }
    }

    @Test("A manager that hangs makes the loop lose messages, never time")
    func fullQueue() async {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardOutputContent]
        ) {
            let manager = try Manager()
            var notifier = Notifier()
            let count = 5000
            let began = Clock.now
            for _ in 0..<count { notifier.watchdog() }
            let took = Clock.now - began
            let lost = notifier.lost
            #expect(lost > 0)
            #expect(took < .seconds(5))
            print(
                "measured: \(count) messages to a manager that hangs: \(lost) lost, \(took)"
            )
            #expect(try manager.texts().count + Int(lost) == count)
            notifier.watchdog()
            #expect(try manager.texts() == ["WATCHDOG=1"], "it hears again when it reads again")
        }
        printMeasured(result)
    }

    @Test("An abstract socket serves as well")
    func abstract() async {
        await #expect(processExitsWith: .success) {
            let name = "@tandem-notify-\(getpid())"
            let socket = try UnixDatagram.receiver(at: name, mode: 0o600)
            setenv("NOTIFY_SOCKET", name, 1)
            var notifier = Notifier()
            notifier.watchdog()
            guard let datagram = try UnixDatagram.receive(from: socket) else {
                Issue.record("nothing came")
                return
            }
            let text = String(decoding: datagram.bytes, as: UTF8.self)
            #expect(text == "WATCHDOG=1")
        }
    }

    @Test("Without a manager, with a strange one or with one that is gone, nothing happens")
    func nobody() async {
        await #expect(processExitsWith: .success) {
            for address in ["", "vsock:2:1", "relative/path"] {
                setenv("NOTIFY_SOCKET", address, 1)
                var notifier = Notifier()
                notifier.ready(status: "")
                let (isActive, lost) = (notifier.isActive, notifier.lost)
                #expect(!isActive)
                #expect(lost == 0)
            }
            unsetenv("NOTIFY_SOCKET")
            let isActive = Notifier().isActive
            #expect(!isActive)
            setenv("NOTIFY_SOCKET", "/nonexistent/notify.sock", 1)
            var gone = Notifier()
            gone.watchdog()
            let (isThere, lost) = (gone.isActive, gone.lost)
            #expect(isThere)
            #expect(lost == 1)
        }
    }
}

@Suite("What the manager gave at the start", .timeLimit(.minutes(10)))
struct ServiceEnvironmentTests {
    @Test("The watchdog's interval is ours if the pid is")
    func watchdog() async {
        await #expect(processExitsWith: .success) {
            #expect(ServiceEnvironment.watchdogInterval() == nil)
            setenv("WATCHDOG_USEC", "2000000", 1)
            #expect(ServiceEnvironment.watchdogInterval() == .seconds(2))
            setenv("WATCHDOG_PID", "\(getpid())", 1)
            #expect(ServiceEnvironment.watchdogInterval() == .seconds(2))
            setenv("WATCHDOG_PID", "1", 1)
            #expect(ServiceEnvironment.watchdogInterval() == nil)
            unsetenv("WATCHDOG_PID")
            for strange in ["0", "-1", "soon", "99999999999999999999999"] {
                setenv("WATCHDOG_USEC", strange, 1)
                #expect(ServiceEnvironment.watchdogInterval() == nil, "\(strange)")
            }
        }
    }

    @Test("Descriptors come with their names, once, close-on-exec, and only to whom they are for")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            // Whatever is open there serves as what was given.
            for given: Int32 in 3...4 where fcntl(given, F_GETFD) < 0 {
                let null = open("/dev/null", O_RDONLY)
                if null != given {
                    dup2(null, given)
                    close(null)
                }
            }
            setenv("LISTEN_FDS", "2", 1)
            setenv("LISTEN_FDNAMES", "web:stats", 1)
            setenv("LISTEN_PID", "1", 1)
            #expect(ServiceEnvironment.receivedDescriptors().isEmpty)
            setenv("LISTEN_FDS", "2", 1)
            setenv("LISTEN_FDNAMES", "web:stats", 1)
            setenv("LISTEN_PID", "\(getpid())", 1)
            let received = ServiceEnvironment.receivedDescriptors()
            #expect(received.map(\.descriptor) == [3, 4])
            #expect(received.map(\.name) == ["web", "stats"])
            for one in received { #expect(fcntl(one.descriptor, F_GETFD) & FD_CLOEXEC != 0) }
            #expect(ServiceEnvironment.receivedDescriptors().isEmpty, "they are given once")
        }
    }
}

@Suite("The log of a daemon", .timeLimit(.minutes(10)))
struct LogTests {
    @Test("A line that nobody reads is lost and counted; the daemon goes on")
    func lost() async {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardOutputContent]
        ) {
            let pipe = try Pipe()
            let console = dup(STDERR_FILENO)
            dup2(pipe.write.rawValue, STDERR_FILENO)
            let began = Clock.now
            for number in 0..<20_000 { LogSink.write("line \(number)\n") }
            let took = Clock.now - began
            var text: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65536)
            while let count = try pipe.read.read(into: &chunk), count > 0 {
                text += chunk[..<count]
            }
            let held = String(decoding: text, as: UTF8.self).split(separator: "\n")
            LogSink.write("awake\n")
            let count = try pipe.read.read(into: &chunk) ?? 0
            dup2(console, STDERR_FILENO)
            let after = String(decoding: chunk[..<count], as: UTF8.self)
            #expect(took < .seconds(5))
            #expect(held.first == "line 0")
            #expect(held.count < 20_000 && held.count > 100)
            #expect(
                after == "(\(20_000 - held.count) log lines were lost: nobody read them)\nawake\n"
            )
            print(
                "measured: 20,000 lines for a pipe that nobody reads in \(took), \(held.count) held"
            )
        }
        printMeasured(result)
    }
}

/// What the process of an exit test measured: its output is not the run's.
private func printMeasured(_ result: ExitTest.Result?) {
    let text = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
    for line in text.split(separator: "\n") where line.hasPrefix("measured:") { print(line) }
}

import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import Tracking

@Suite("Processes that are watched", .timeLimit(.minutes(1)))
struct ProcessEventsTests {
    /// Every event of one process until `limit`.
    private func history(
        of pid: Int32,
        _ events: inout ProcessEvents,
        until isComplete: ([ProcessEvents.Event]) -> Bool
    ) throws -> [ProcessEvents.Event] {
        var heard: [ProcessEvents.Event] = []
        let end = Clock.now + .seconds(5)
        while Clock.now < end, !isComplete(heard) {
            switch try events.receive() {
            case .nothing: _ = tandem_wait_readable(events.descriptor.rawValue, 100)
            case .lost: continue
            case .event(let event):
                switch event {
                case .forked(let other, _), .changed(let other), .ended(let other):
                    if other == pid { heard.append(event) }
                }
            }
        }
        return heard
    }

    @Test func `a process is heard when it comes, executes and goes`() throws {
        var events = try ProcessEvents()
        let child = try Spawn(path: "/bin/sleep", arguments: ["tracked-one", "0.3"]).start()
        let alive = try #require(RunningProcess(pid: child.pid))
        #expect(alive.name == "sleep")
        #expect(alive.arguments == ["tracked-one", "0.3"])
        #expect(try RunningProcess.all().contains(alive))
        let heard = try history(of: child.pid, &events) { $0.last == .ended(pid: child.pid) }
        #expect(heard.first == .forked(pid: child.pid, parent: getpid()))
        #expect(heard.contains(.changed(pid: child.pid)))
        #expect(heard.last == .ended(pid: child.pid))
        // Ended, and not yet reaped: it runs no more.
        #expect(RunningProcess(pid: child.pid) == nil)
        while child.reap() == nil { usleep(1000) }
    }

    @Test func `threads are no processes`() throws {
        var events = try ProcessEvents()
        var thread = pthread_t()
        pthread_create(&thread, nil, { _ in nil }, nil)
        pthread_join(thread, nil)
        let child = try Spawn(path: "/bin/true", arguments: ["true"]).start()
        var heard: [ProcessEvents.Event] = []
        let end = Clock.now + .seconds(5)
        while Clock.now < end, heard.last != .ended(pid: child.pid) {
            switch try events.receive() {
            case .nothing: _ = tandem_wait_readable(events.descriptor.rawValue, 100)
            case .lost: continue
            case .event(let event): heard.append(event)
            }
        }
        while child.reap() == nil { usleep(1000) }
        #expect(heard.last == .ended(pid: child.pid))
        #expect(!heard.contains(.ended(pid: getpid())))
    }

    @Test func `nothing older than the lost events is told after them`() throws {
        var events = try ProcessEvents()
        let socket = events.descriptor.rawValue
        try check(tandem_setsockopt_int(socket, SOL_SOCKET, SO_RCVBUFFORCE, 2048), "room")
        var ended: Set<Int32> = []
        for _ in 0..<50 {
            let child = try Spawn(path: "/bin/true", arguments: ["true"]).start()
            while child.reap() == nil { usleep(1000) }
            ended.insert(child.pid)
        }
        #expect(try events.receive() == .lost)
        // Whoever has looked at all processes by now must not be told that one of these began.
        for _ in 0..<1000 {
            switch try events.receive() {
            case .nothing: return
            case .lost: continue
            case .event(.forked(let pid, _)), .event(.changed(let pid)), .event(.ended(let pid)):
                #expect(!ended.contains(pid))
            }
        }
    }

    @Test func `nothing that the kernel could say traps the reader`() {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = try? ProcessEvents.event(in: bytes[...])
        }
    }

    @Test func `a process that is not there is none`() {
        #expect(RunningProcess(pid: 0) == nil)
        #expect(RunningProcess(pid: getpid()) != nil)
    }
}

@Suite("Files that are watched", .timeLimit(.minutes(1)))
struct FileWatchTests {
    private func put(_ text: String, _ path: String) throws {
        let file = FileDescriptor(
            owning: try check(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600), "open", on: path)
        )
        _ = try file.write(Array(text.utf8))
    }

    @Test func `a file that is made, written, replaced or removed has changed, and no other`()
        throws
    {
        let directory = "/tmp/tandem-watch-\(getpid())"
        mkdir(directory, 0o700)
        let path = directory + "/value"
        let other = directory + "/other"
        defer {
            unlink(path)
            unlink(other)
            rmdir(directory)
        }
        var watch = try FileWatch()
        try watch.watch(path)
        #expect(try watch.receive() == .nothing)
        try put("1", other)
        #expect(try watch.receive() == .nothing)
        try put("1", path)
        #expect(try watch.receive() == .changed([path]))
        try put("2", path)
        #expect(try watch.receive() == .changed([path]))
        rename(other, path)
        #expect(try watch.receive() == .changed([path]))
        unlink(path)
        #expect(try watch.receive() == .changed([path]))
        #expect(try watch.receive() == .nothing)
        rmdir(directory)
        #expect(try watch.receive() == .lost)
    }

    @Test func `a directory that is not there is refused with its name`() throws {
        var watch = try FileWatch()
        let refusal = #expect(throws: SystemCallError.self) {
            try watch.watch("/tmp/tandem-none-\(getpid())/value")
        }
        #expect(refusal?.errno == ENOENT)
    }
}

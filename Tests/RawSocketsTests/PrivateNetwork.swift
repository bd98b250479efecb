import CLinux
import Glibc
import LinuxIO
import Primitives

/// A network namespace that lives as long as one thread, so that a test leaves nothing behind however it ends.
enum PrivateNetwork {
    private final class Work {
        let body: () throws -> Void
        var outcome: Result<Void, any Error> = .success(())

        init(_ body: @escaping () throws -> Void) { self.body = body }
    }

    /// Runs `body` on a thread of its own in a new namespace, with `lo` down and nothing else in it.
    static func run(_ body: @escaping () throws -> Void) throws {
        let work = Work(body)
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(work).toOpaque()
        let error = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                work.outcome = Result {
                    try check(tandem_new_network_namespace(), "unshare")
                    try work.body()
                }
                return nil
            },
            argument
        )
        guard error == 0 else { throw SystemCallError("pthread_create", errno: error) }
        pthread_join(thread, nil)
        try work.outcome.get()
    }

    /// Runs `ip` with these words in the caller's namespace.
    static func ip(_ words: String) throws {
        try tool("/usr/sbin/ip", words)
    }

    /// Runs a program with these words in the caller's namespace.
    static func tool(_ path: String, _ words: String, output: Int32? = nil) throws {
        var spawn = Spawn(
            path: path,
            arguments: [path] + words.split(separator: " ").map(String.init)
        )
        spawn.standardOutput = output
        spawn.standardError = 2
        let child = try spawn.start()
        while true {
            if let cause = child.reap() {
                guard cause == .exited(0) else {
                    throw SystemCallError("\(path) \(words): \(cause)", errno: EINVAL)
                }
                return
            }
            var request = pollfd(fd: child.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            poll(&request, 1, 1000)
        }
    }

    /// An interface `eth0` with the other end of its cable in `peer0`, both up.
    static func makeCable() throws {
        try ip("link add eth0 type veth peer name peer0")
        try ip("link set eth0 up")
        try ip("link set peer0 up")
        try waitUntilUp("eth0", "peer0")
    }

    /// Until packets pass: the kernel drops what is sent before its link watch, which runs by itself, has seen
    /// the carrier.
    static func waitUntilUp(_ names: String...) throws {
        for name in names {
            var tries = 0
            while !(try Bench.output("/usr/sbin/ip", "-o link show \(name)").contains("state UP")) {
                tries += 1
                try check(tries < 1000 ? 0 : -ETIMEDOUT, "carrier of \(name)")
                sleep(.milliseconds(5))
            }
        }
    }

    static func sleep(_ duration: Duration) {
        usleep(UInt32(clamping: duration.nanoseconds / 1000))
    }
}

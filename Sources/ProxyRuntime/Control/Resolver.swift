import CLinux
import Glibc
import LinuxIO
import Primitives
import Synchronization

/// What a look-up came to.
struct Resolution: Sendable {
    var name: String
    /// Empty when it failed.
    var addresses: [IPAddress]
    var problem: String
}

/// Looks names up in a thread of its own, because the C library's resolver blocks for as long as a dead name
/// server lets it.
final class Resolver: Sendable {
    private let wanted = Mutex<[String]>([])
    private let answers = Mutex<[Resolution]>([])
    private let work: WakeUp
    /// Readable when there are answers.
    let done: WakeUp

    init() throws(SystemCallError) {
        work = try WakeUp()
        done = try WakeUp()
    }

    /// The thread lives as long as the process.
    func start() throws(SystemCallError) {
        let argument = unsafe Unmanaged.passRetained(self).toOpaque()
        try check(unsafe tandem_start_thread(resolverMain, argument), "pthread_create")
    }

    /// A name that waits already is not asked for twice.
    func ask(_ name: String) {
        wanted.withLock { names in
            if !names.contains(name) { names.append(name) }
        }
        work.signal()
    }

    func takeAnswers() -> [Resolution] {
        done.clear()
        return answers.withLock { list in
            defer { list = [] }
            return list
        }
    }

    fileprivate func run() {
        while true {
            var request = pollfd(fd: work.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&request, 1, -1)
            work.clear()
            while let name = wanted.withLock({ $0.first }) {
                let answer = Self.resolve(name)
                wanted.withLock { $0.removeAll { $0 == name } }
                answers.withLock { $0.append(answer) }
                done.signal()
            }
        }
    }

    private static func resolve(_ name: String) -> Resolution {
        var found = [tandem_address](repeating: tandem_address(), count: 16)
        let count = unsafe tandem_resolve(name, &found, Int32(found.count))
        guard count > 0 else {
            let problem =
                count < 0
                ? unsafe tandem_resolve_error(count).map { unsafe String(cString: $0) } ?? "failed"
                : "no address"
            return Resolution(name: name, addresses: [], problem: problem)
        }
        return Resolution(name: name, addresses: found.prefix(Int(count)).map(\.ip), problem: "")
    }
}

private func resolverMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    unsafe Unmanaged<Resolver>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

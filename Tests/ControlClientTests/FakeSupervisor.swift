import CLinux
import Glibc
import LinuxIO
import Messages
import Primitives

/// Listens on a socket of its own and answers each request with prepared replies, on a thread of its own.
final class FakeSupervisor: @unchecked Sendable {
    enum Behaviour: Sendable {
        case answer([ControlReply])
        /// Reads the request and closes.
        case hangUp
        /// Reads the request and says nothing for this many milliseconds.
        case silence(UInt32)
        /// Sends bytes that are no frame.
        case garbage
    }

    let directory: String
    var path: String { directory + "/supervisor.sock" }
    private let behaviour: Behaviour
    private let listener: FileDescriptor
    private let stopping: WakeUp
    private var thread: pthread_t?
    private var lock = pthread_mutex_t()
    private var seen: [ControlRequest] = []

    var requests: [ControlRequest] {
        pthread_mutex_lock(&lock)
        defer { pthread_mutex_unlock(&lock) }
        return seen
    }

    init(_ behaviour: Behaviour) throws {
        self.behaviour = behaviour
        var template = Array("/tmp/tandem-fake-XXXXXX".utf8CString)
        _ = mkdtemp(&template)
        directory = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        listener = try UnixSocket.listen(at: directory + "/supervisor.sock", mode: 0o600)
        stopping = try WakeUp()
        pthread_mutex_init(&lock, nil)
        let context = Unmanaged.passRetained(self).toOpaque()
        var started = pthread_t()
        _ = pthread_create(&started, nil, serveFake, context)
        thread = started
    }

    func stop() {
        stopping.signal()
        if let thread { pthread_join(thread, nil) }
        thread = nil
        _ = unlink(path)
        _ = rmdir(directory)
    }

    fileprivate func serve() {
        var ready = [
            pollfd(fd: listener.rawValue, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stopping.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&ready, 2, -1) >= 0, ready[1].revents == 0 {
            guard let accepted = try? UnixSocket.accept(listener) else { continue }
            converse(on: accepted)
        }
    }

    private func converse(on socket: borrowing FileDescriptor) {
        var one = pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)
        guard poll(&one, 1, 5000) == 1 else { return }
        var buffer = [UInt8](repeating: 0, count: FrameFormat.maximumSize)
        let count = recv(socket.rawValue, &buffer, buffer.count, 0)
        guard count > 0,
            case .frame(let frame)? = try? Frame<ControlRequest>.decode(buffer[0..<count])
        else { return }
        pthread_mutex_lock(&lock)
        seen.append(frame.message)
        pthread_mutex_unlock(&lock)
        switch behaviour {
        case .answer(let replies):
            for (index, reply) in (replies + [.end]).enumerated() {
                send(Frame(sequence: UInt64(index), message: reply).encode(), on: socket)
            }
        case .hangUp: break
        case .silence(let milliseconds): usleep(milliseconds * 1000)
        case .garbage: send([1, 2, 3], on: socket)
        }
    }

    private func send(_ bytes: [UInt8], on socket: borrowing FileDescriptor) {
        _ = Glibc.send(socket.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}

private func serveFake(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<FakeSupervisor>.fromOpaque(context).takeRetainedValue().serve()
    return nil
}

import Glibc
import LinuxIO

/// The other end of the notify protocol: a socket that `NOTIFY_SOCKET` names.
struct Manager: ~Copyable {
    let socket: FileDescriptor
    private let path: String

    init() throws {
        path = "/tmp/tandem-notify-test-\(getpid()).sock"
        socket = try UnixDatagram.receiver(at: path, mode: 0o600)
        setenv("NOTIFY_SOCKET", path, 1)
    }

    deinit {
        unlink(path)
    }

    /// What has come so far.
    func texts() throws -> [String] {
        var texts: [String] = []
        while let datagram = try UnixDatagram.receive(from: socket) {
            texts.append(String(decoding: datagram.bytes, as: UTF8.self))
        }
        return texts
    }
}

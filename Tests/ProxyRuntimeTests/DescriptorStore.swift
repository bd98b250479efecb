import Glibc
import LinuxIO

/// What a service manager keeps for a process: the sockets that it sends with FDSTORE=1.
final class DescriptorStore {
    private let notify: FileDescriptor
    let environment: [String]

    init(in directory: String) throws {
        let path = "\(directory)/notify.sock"
        notify = try UnixDatagram.receiver(at: path, mode: 0o666)
        environment = ["NOTIFY_SOCKET=\(path)"]
    }

    /// The first `count` of them, in the order in which they came; fewer when they do not come within 3 s.
    func sockets(_ count: Int) throws -> [(descriptor: Int32, name: String)] {
        var stored: [(descriptor: Int32, name: String)] = []
        for _ in 0..<300 where stored.count < count {
            usleep(10_000)
            while let datagram = try UnixDatagram.receive(from: notify) {
                let text = String(decoding: datagram.bytes, as: UTF8.self)
                guard text.hasPrefix("FDSTORE=1"), let first = datagram.descriptors.first else {
                    continue
                }
                let name = text.split(separator: "\n")[1].dropFirst("FDNAME=".count)
                stored.append((first, String(name)))
            }
        }
        return stored
    }

    /// What came beside sockets since the last call.
    func texts() throws -> [String] {
        var texts: [String] = []
        while let datagram = try UnixDatagram.receive(from: notify) {
            for descriptor in datagram.descriptors { close(descriptor) }
            texts.append(String(decoding: datagram.bytes, as: UTF8.self))
        }
        return texts
    }
}

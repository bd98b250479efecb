import Glibc

/// Whether a descriptor is a stream of the journal: `JOURNAL_STREAM` names the device and inode of what systemd
/// gave the service as its output (systemd.exec(5)). A child that has another standard error inherits the
/// variable and is told apart by this.
enum JournalStream {
    struct Identity: Equatable, Sendable {
        var device: UInt64
        var inode: UInt64

        /// `8:1234`, as the variable has it; nil for anything else.
        init?(_ text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy(Self.isDigit) }),
                let device = UInt64(parts[0]), let inode = UInt64(parts[1])
            else { return nil }
            self.device = device
            self.inode = inode
        }

        /// Of what a descriptor is; nil if it is none.
        init?(descriptor: Int32) {
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }

        private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    }

    static func isConnected(_ descriptor: Int32, variable: String?) -> Bool {
        guard let named = variable.flatMap({ Identity($0) }) else { return false }
        return Identity(descriptor: descriptor) == named
    }
}

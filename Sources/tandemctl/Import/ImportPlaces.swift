import Glibc

/// Where an import reads, writes and looks; everything beneath `root`, which is empty on a real machine.
struct ImportPlaces {
    let root: String

    var target: String { root + "/etc/tandem" }
    var keepalived: String { root + "/etc/keepalived/keepalived.conf" }
    var haproxy: String { root + "/etc/haproxy/haproxy.cfg" }
    /// The two files as the package installed them, which tells a changed one from an untouched one.
    var pristine: String { root + "/usr/share/tandem" }
    var systemctl: String { root + "/usr/bin/systemctl" }

    /// The daemons that check the files: those that belong to this very program.
    static func daemon(_ name: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { return nil }
        let own = String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard let slash = own.lastIndex(of: "/") else { return nil }
        let directory = own[..<slash]
        return ["\(directory)/\(name)", "\(directory)/../sbin/\(name)"].first { path in
            unsafe access(path, X_OK) == 0
        }
    }
}

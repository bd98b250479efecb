import Glibc
import HAProxySyntax
import LinuxIO
import Primitives

/// Whom the supervisor believes to be the proxy on `proxy.sock`, by the kernel's word.
struct ProxyUser: Equatable, Sendable {
    /// The user of haproxy.cfg; nil: this machine has no such user.
    var uid: UInt32?
    /// As people know it, such as `haproxy`.
    var name: String

    /// `uid`, `user`, or else `haproxy`. A file with errors still says whom a running proxy became.
    init(files: [String]) {
        let sources = files.compactMap { path in
            (try? readFile(path)).map { SourceText(path: path, bytes: $0) }
        }
        let global =
            HAProxyParser.parse(
                sources,
                environment: HAProxyParsingEnvironment { name in
                    unsafe getenv(name).map { unsafe String(cString: $0) }
                }
            ).global
        if let uid = global.uid {
            self.uid = uid
            name = "uid \(uid)"
        } else {
            name = global.user ?? "haproxy"
            uid = UserIdentity.named(name)?.uid
        }
    }

    /// Root, who started it, or who it becomes.
    func isTrusted(_ peer: PeerCredentials) -> Bool {
        peer.uid == 0 || peer.uid == geteuid() || peer.uid == uid
    }
}

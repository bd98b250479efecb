import HAProxySyntax
import LinuxIO

/// Whom the process becomes after it has opened what needs root.
enum Identity {
    /// The user of the configuration, by default `haproxy`.
    static func wanted(by global: GlobalSection) throws(StartError) -> UserIdentity {
        if let uid = global.uid {
            let gid = global.gid ?? uid
            return UserIdentity(name: "uid \(uid)", uid: uid, gid: gid, groups: [gid])
        }
        let name = global.user ?? "haproxy"
        guard let user = UserIdentity.named(name, group: global.group) else {
            let group = global.group.map { " or no group '\($0)'" } ?? ""
            throw StartError(
                "there is no user '\(name)'\(group): make it with 'useradd --system --no-create-home "
                    + "--shell /usr/sbin/nologin \(name)', or name another one with 'user' in global"
            )
        }
        return user
    }
}

/// Why the proxy does not start, as a sentence for the operator.
struct StartError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

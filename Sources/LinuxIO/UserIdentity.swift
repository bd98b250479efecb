import CLinux
import Glibc

/// A user with its groups, looked up by name; the look-up may block and belongs at start.
package struct UserIdentity: Equatable, Sendable {
    package var name: String
    package var uid: UInt32
    package var gid: UInt32
    /// Supplementary groups, the primary one among them.
    package var groups: [UInt32]

    package init(name: String, uid: UInt32, gid: UInt32, groups: [UInt32]) {
        self.name = name
        self.uid = uid
        self.gid = gid
        self.groups = groups
    }

    /// Nil when there is no such user, or no such group.
    package static func named(_ user: String, group: String? = nil) -> UserIdentity? {
        guard let entry = unsafe getpwnam(user) else { return nil }
        let uid = unsafe entry.pointee.pw_uid
        var gid = unsafe entry.pointee.pw_gid
        if let group {
            guard let other = groupID(named: group) else { return nil }
            gid = other
        }
        var groups = [gid_t](repeating: 0, count: 256)
        var count = Int32(groups.count)
        let found = unsafe getgrouplist(user, gid, &groups, &count)
        return UserIdentity(
            name: user,
            uid: uid,
            gid: gid,
            groups: found < 0 ? [gid] : Array(groups.prefix(Int(count)))
        )
    }

    /// Nil when there is no such group.
    package static func groupID(named group: String) -> UInt32? {
        guard let entry = unsafe getgrnam(group) else { return nil }
        return unsafe entry.pointee.gr_gid
    }
}

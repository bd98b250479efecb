import CLinux
import Glibc

/// Linux capabilities by their kernel numbers (capabilities(7)).
package struct CapabilitySet: OptionSet, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static let kill = CapabilitySet(rawValue: 1 << 5)
    package static let setGroupID = CapabilitySet(rawValue: 1 << 6)
    package static let setUserID = CapabilitySet(rawValue: 1 << 7)
    package static let setCapabilities = CapabilitySet(rawValue: 1 << 8)
    package static let netBindService = CapabilitySet(rawValue: 1 << 10)
    package static let netAdmin = CapabilitySet(rawValue: 1 << 12)
    package static let netRaw = CapabilitySet(rawValue: 1 << 13)
    package static let sysNice = CapabilitySet(rawValue: 1 << 23)
}

/// What this process may do, and giving it up.
package enum Privileges {
    /// The effective set.
    package static func held() throws(SystemCallError) -> CapabilitySet {
        var effective: UInt64 = 0
        var permitted: UInt64 = 0
        var inheritable: UInt64 = 0
        try check(unsafe tandem_capget(&effective, &permitted, &inheritable), "capget")
        return CapabilitySet(rawValue: effective)
    }

    /// Keeps only these, of those that are held, for good: bounding, ambient and inheritable sets too.
    /// What is `attainable`, a program that this one executes may still get by its file's own capabilities.
    package static func keepOnly(
        _ capabilities: CapabilitySet,
        attainable: CapabilitySet = []
    ) throws(SystemCallError) {
        let kept = try held().intersection(capabilities)
        if try held().contains(.setCapabilities) {
            try check(
                tandem_drop_bounding(kept.union(attainable).rawValue),
                "prctl PR_CAPBSET_DROP"
            )
        }
        try check(tandem_capset(kept.rawValue, kept.rawValue, 0), "capset")
    }

    /// Becomes an unprivileged user for good and proves that there is no way back.
    package static func drop(to user: UserIdentity) throws(SystemCallError) {
        if try held().contains(.setCapabilities) {
            try check(tandem_drop_bounding(0), "prctl PR_CAPBSET_DROP")
        }
        let result = unsafe user.groups.withUnsafeBufferPointer { groups in
            unsafe tandem_become(user.uid, user.gid, groups.baseAddress, Int32(groups.count))
        }
        try check(result, "change to user", on: user.name)
        try check(tandem_capset(0, 0, 0), "capset")
        try forbidNewPrivileges()
        guard try held().isEmpty else { throw SystemCallError("capset", errno: EPERM) }
    }

    /// No program that is executed from here on gains any (`PR_SET_NO_NEW_PRIVS`).
    package static func forbidNewPrivileges() throws(SystemCallError) {
        try check(tandem_no_new_privileges(), "prctl PR_SET_NO_NEW_PRIVS")
    }
}

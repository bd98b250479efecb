import LinuxIO
import Logging
import Netlink
import Primitives
import VRRP

/// What an agent that was killed left on the interfaces, for its next life (`docs/decisions/0010`).
extension RouterSettings {
    /// Whether a next life may keep the addresses at all. The guard takes away what it watches, a sync group
    /// decides together, an interface of the router's own is made anew, and what lasts as long as a peer waits or for ever
    /// is no sign of a life that ended a moment ago.
    var leavesRemnants: Bool {
        !isGrouped && !needsGuard && virtualInterface == nil && addressLifetime > .zero
            && !isLifetimeTooLong
    }

    /// Nil unless every address is there, with what an agent's lifetime has left. Its age is that of the
    /// oldest: the kernel's stamp or the whole seconds of the lifetime that are over, whichever is more.
    func remnant(in view: NetworkView, at now: Instant) -> Remnant? {
        guard leavesRemnants, !heldAddresses.isEmpty else { return nil }
        var oldest = Instant.distantFuture
        for address in heldAddresses {
            guard let wanted = address.onInterface(of: self, in: view), let whole = wanted.lifetime,
                let present = view.addresses.first(where: { $0.key == wanted.key }),
                let left = present.lifetime, left > 0, left <= whole, let stamp = present.stamp
            else { return nil }
            oldest = min(
                oldest,
                stamp.instant(before: now),
                now + (.zero - .seconds(Int64(whole - left)))
            )
        }
        return Remnant(renewedAt: oldest)
    }
}

extension Agent {
    func findRemnant(of settings: RouterSettings) -> Remnant? {
        let now = Clock.now
        guard let remnant = settings.remnant(in: view, at: now) else { return nil }
        let age = (now - remnant.renewedAt).tenths
        line(
            .notice,
            "(\(settings.name)) its addresses are here, renewed \(age) s ago by an earlier life",
            of: settings.name
        )
        return remnant
    }

    /// An address of ours that is there before we are MASTER is an earlier life's.
    func tellLeftovers(of settings: RouterSettings) {
        for address in settings.heldAddresses {
            guard let expected = address.onInterface(of: settings, in: view),
                let present = view.addresses.first(where: { $0.key == expected.key })
            else { continue }
            let left = present.lifetime.map { "with \($0) s left" } ?? "without a lifetime"
            line(
                .warning,
                "(\(settings.name)) \(address.prefix) is on \(address.interfaceName(of: settings)) "
                    + "already, \(left): an earlier life left it behind, removing it",
                of: settings.name
            )
        }
    }
}

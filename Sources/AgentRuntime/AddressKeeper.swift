import CLinux
import Glibc
import LinuxIO
import Netlink
import Primitives
import VRRP

/// Puts virtual addresses on their interfaces with their lifetime, and takes them away.
///
/// It decides nothing: whether an address may be put or renewed is known by then.
struct AddressKeeper<Socket: RouteSocket & ~Copyable>: ~Copyable {
    struct Failure: Equatable, Sendable {
        var address: VirtualAddress
        var error: SystemCallError
    }

    var table: RouteTable<Socket>

    init(socket: consuming Socket, firstSequence: UInt32 = 1) {
        table = RouteTable(socket: socket, firstSequence: firstSequence)
    }

    /// The kernel's tables as they are now.
    mutating func listing() throws(SystemCallError) -> (
        interfaces: [NetworkInterface], addresses: [InterfaceAddress]
    ) {
        (try table.interfaces(), try table.addresses())
    }

    /// What addresses there are now, of whomever.
    mutating func presentAddresses() throws(SystemCallError) -> Set<InterfaceAddress.Key> {
        Set(try table.addresses().map(\.key))
    }

    /// Adds addresses or renews their lifetime, and notes where. A kernel that does not answer is asked once, not
    /// once for each: the rest fails like the first.
    mutating func put(
        _ addresses: [VirtualAddress],
        of settings: RouterSettings,
        in view: NetworkView,
        noting placements: inout Placements
    ) -> [Failure] {
        var failures: [Failure] = []
        var silence: SystemCallError?
        for address in addresses {
            do throws(SystemCallError) {
                if let silence { throw silence }
                guard let put = address.onInterface(of: settings, in: view) else {
                    throw SystemCallError(
                        "add address",
                        on: "\(address.prefix) on \(address.interfaceName(of: settings))",
                        errno: ENODEV
                    )
                }
                do throws(SystemCallError) {
                    try table.put(put)
                } catch {
                    // Without an answer it may be there.
                    if error.errno == ETIMEDOUT { placements.note(put, of: address) }
                    throw error
                }
                placements.note(put, of: address)
            } catch {
                if error.errno == ETIMEDOUT { silence = error }
                failures.append(Failure(address: address, error: error))
            }
        }
        return failures
    }

    /// Changes a setting of an interface where it is otherwise.
    mutating func apply(
        _ setting: InterfaceSetting,
        to interface: NetworkInterface
    ) throws(SystemCallError) {
        try table.apply(setting, to: interface)
    }

    /// Takes addresses away from wherever they were put and from where they would be put now, and returns those
    /// that were there. What was not confirmed stays among the placements.
    ///
    /// The kernel works on a request while it is sent: from one that does not answer nothing is waited for after
    /// the first time.
    mutating func remove(
        _ addresses: [VirtualAddress],
        of settings: RouterSettings,
        in view: NetworkView,
        from placements: inout Placements
    ) -> (removed: [VirtualAddress], failures: [Failure]) {
        var removed: [VirtualAddress] = []
        var failures: [Failure] = []
        var patience = RouteSession<Socket>.acknowledgementLimit
        for address in addresses {
            var places = placements.places(of: address)
            if let here = address.onInterface(of: settings, in: view),
                !places.contains(where: { $0.key == here.key })
            {
                places.append(here)
            }
            for place in places {
                do throws(SystemCallError) {
                    if try table.remove(place, within: patience), removed.last != address {
                        removed.append(address)
                    }
                    placements.forget(place.key)
                } catch {
                    if error.errno == ETIMEDOUT { patience = .zero }
                    failures.append(Failure(address: address, error: error))
                }
            }
        }
        return (removed, failures)
    }

    /// Takes away what was put on an interface that is no longer the address's.
    mutating func removeStrays(from placements: inout Placements) {
        for stray in placements.strays where (try? table.remove(stray)) != nil {
            placements.forget(stray.key)
        }
    }
}

extension VirtualAddress {
    /// As the kernel takes it; nil while its interface does not exist.
    func onInterface(of settings: RouterSettings, in view: NetworkView) -> InterfaceAddress? {
        guard let target = view.interface(named: interfaceName(of: settings)) else {
            return nil
        }
        let seconds = settings.addressLifetime.nanoseconds / 1_000_000_000
        let isHostV6 = prefix.address.family == .v6 && prefix.length == 128
        return InterfaceAddress(
            interface: target.index,
            prefix: peer.map { Prefix(address: prefix.address, length: $0.length) } ?? prefix,
            peer: peer?.address,
            scope: scope,
            label: label,
            broadcast: broadcast,
            flags: kernelFlags,
            lifetime: seconds > 0 ? UInt32(clamping: seconds) : nil,
            // As keepalived has it: a virtual /128 answers and is never chosen as a source.
            preferredLifetime: preferredLifetime ?? (isHostV6 ? 0 : nil)
        )
    }

    /// The rival of a duplicate detection would be the MASTER that is being replaced (RFC 9568 §8.2.3).
    private var kernelFlags: UInt32 {
        var all = flags
        if prefix.address.family == .v6 { all |= UInt32(IFA_F_NODAD) }
        if hasNoPrefixRoute { all |= UInt32(IFA_F_NOPREFIXROUTE) }
        return all
    }
}

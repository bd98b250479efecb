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

    private var table: RouteTable<Socket>

    init(socket: consuming Socket, firstSequence: UInt32 = 1) {
        table = RouteTable(socket: socket, firstSequence: firstSequence)
    }

    /// The kernel's tables as they are now.
    mutating func listing() throws(SystemCallError) -> (
        interfaces: [NetworkInterface], addresses: [InterfaceAddress]
    ) {
        (try table.interfaces(), try table.addresses())
    }

    /// Adds addresses or renews their lifetime. A kernel that does not answer is asked once, not once for
    /// each: the rest fails like the first.
    mutating func put(
        _ addresses: [VirtualAddress],
        of settings: RouterSettings,
        in view: NetworkView
    ) -> [Failure] {
        var failures: [Failure] = []
        var silence: SystemCallError?
        for address in addresses {
            do throws(SystemCallError) {
                if let silence { throw silence }
                guard let put = address.onInterface(of: settings, in: view) else {
                    throw SystemCallError(
                        "add address",
                        on: "\(address.prefix) on \(address.interface ?? settings.interface)",
                        errno: ENODEV
                    )
                }
                try table.put(put)
            } catch {
                if error.errno == ETIMEDOUT { silence = error }
                failures.append(Failure(address: address, error: error))
            }
        }
        return failures
    }

    /// Takes addresses away and returns those that were there.
    mutating func remove(
        _ addresses: [VirtualAddress],
        of settings: RouterSettings,
        in view: NetworkView
    ) -> (removed: [VirtualAddress], failures: [Failure]) {
        var removed: [VirtualAddress] = []
        var failures: [Failure] = []
        for address in addresses {
            guard let present = address.onInterface(of: settings, in: view) else { continue }
            do throws(SystemCallError) {
                if try table.remove(present) { removed.append(address) }
            } catch {
                failures.append(Failure(address: address, error: error))
            }
        }
        return (removed, failures)
    }
}

extension VirtualAddress {
    /// As the kernel takes it; nil while its interface does not exist.
    func onInterface(of settings: RouterSettings, in view: NetworkView) -> InterfaceAddress? {
        guard let target = view.interface(named: interface ?? settings.interface) else {
            return nil
        }
        let seconds = settings.addressLifetime.nanoseconds / 1_000_000_000
        return InterfaceAddress(
            interface: target.index,
            prefix: prefix,
            scope: scope,
            label: label,
            broadcast: broadcast,
            lifetime: seconds > 0 ? UInt32(clamping: seconds) : nil
        )
    }
}

import Netlink
import Primitives
import VRRP

/// Where one router's addresses were put, until they are known to be gone. Interfaces are known by number here: by
/// the time that an address has to go, its interface may have another name, and another one its name.
struct Placements: Equatable, Sendable {
    /// The latest place of each.
    private var targets: [VirtualAddress: InterfaceAddress] = [:]
    private var owners: [InterfaceAddress.Key: VirtualAddress] = [:]
    /// Earlier places of addresses that were put elsewhere since.
    private(set) var strays: [InterfaceAddress] = []

    init() {}

    var isEmpty: Bool { targets.isEmpty && strays.isEmpty }

    /// Everything that may have to be taken away.
    var all: [InterfaceAddress] { targets.values + strays }

    func holds(_ key: InterfaceAddress.Key) -> Bool { owners[key] != nil }

    func target(of address: VirtualAddress) -> InterfaceAddress? { targets[address] }

    /// Every place where an address may be.
    func places(of address: VirtualAddress) -> [InterfaceAddress] {
        let place = targets[address].map { [$0] } ?? []
        return strays.isEmpty
            ? place : place + strays.filter { $0.prefix.address == address.prefix.address }
    }

    /// The address was put there, or may have been.
    mutating func note(_ target: InterfaceAddress, of address: VirtualAddress) {
        if let former = targets[address], former.key != target.key {
            owners[former.key] = nil
            strays.append(former)
        }
        strays.removeAll { $0.key == target.key }
        targets[address] = target
        owners[target.key] = address
    }

    /// What is there is gone. Returns whose place it was, unless that has another one by now.
    @discardableResult
    mutating func forget(_ key: InterfaceAddress.Key) -> VirtualAddress? {
        strays.removeAll { $0.key == key }
        guard let address = owners.removeValue(forKey: key) else { return nil }
        targets[address] = nil
        return address
    }
}

import CLinux
package import Primitives

/// An address on an interface (rtnetlink(7), `RTM_NEWADDR`).
package struct InterfaceAddress: Equatable, Sendable {
    /// What the kernel tells addresses apart by.
    package struct Key: Hashable, Sendable {
        package var interface: Int32
        package var prefix: Prefix

        package init(interface: Int32, prefix: Prefix) {
            self.interface = interface
            self.prefix = prefix
        }
    }

    package var interface: Int32
    /// With a peer, the length is that of the peer's prefix: the kernel has one for both.
    package var prefix: Prefix
    /// The other end of a point-to-point address; nil: there is none.
    package var peer: IPAddress?
    /// 0 global, 200 site, 253 link, 254 host.
    package var scope: UInt8
    /// IPv4's alone. Nil: the interface's name.
    package var label: String?
    package var broadcast: IPv4Address?
    /// `IFA_F_…`
    package var flags: UInt32
    /// Whole seconds that the kernel keeps it; nil: for ever.
    package var lifetime: UInt32?
    /// Whole seconds for which it may be chosen as a source, at most the lifetime; nil: as long as it is
    /// there. 0 is a deprecated address, which answers and is never chosen.
    package var preferredLifetime: UInt32?
    /// When the kernel last added or renewed it, as it says; nil for what is yet to be put.
    package var stamp: KernelStamp?

    package init(
        interface: Int32,
        prefix: Prefix,
        peer: IPAddress? = nil,
        scope: UInt8 = 0,
        label: String? = nil,
        broadcast: IPv4Address? = nil,
        flags: UInt32 = 0,
        lifetime: UInt32? = nil,
        preferredLifetime: UInt32? = nil
    ) {
        self.interface = interface
        self.prefix = prefix
        self.peer = peer
        self.scope = scope
        self.label = label
        self.broadcast = broadcast
        self.flags = flags
        self.lifetime = lifetime
        self.preferredLifetime = preferredLifetime
    }

    package var key: Key { Key(interface: interface, prefix: prefix) }

    /// Not the first address of its network on the interface.
    package var isSecondary: Bool { flags & UInt32(IFA_F_SECONDARY) != 0 }

    /// Usable as a source: duplicate detection is over and found none.
    package var isSettled: Bool {
        flags & UInt32(IFA_F_TENTATIVE | IFA_F_DADFAILED) == 0
    }

    /// A request for every address of both families.
    package static func dumpRequest() -> RouteRequest {
        var request = RouteRequest(type: RTM_GETADDR, flags: NLM_F_DUMP, subject: "addresses")
        request.fixed { body in
            body.byte(UInt8(AF_UNSPEC))
            for _ in 0..<3 { body.byte(0) }
            body.native(UInt32(0))
        }
        return request
    }

    /// Adds the address, or sets the lifetime of the one that is there anew.
    package func putRequest() -> RouteRequest {
        var request = request(RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_REPLACE)
        if let broadcast { request.attribute(Int(IFA_BROADCAST), broadcast.octets) }
        if let label, prefix.address.family == .v4 {
            request.attribute(Int(IFA_LABEL), Array(label.utf8.prefix(15)) + [0])
        }
        if flags > 0xFF {
            var value = ByteWriter(reserving: 4)
            value.native(flags)
            request.attribute(Int(IFA_FLAGS), value.bytes)
        }
        var cache = ByteWriter(reserving: 16)
        let valid = lifetime ?? Self.forever
        cache.native(min(preferredLifetime ?? valid, valid))
        cache.native(valid)
        cache.native(UInt32(0))  // created, the kernel's
        cache.native(UInt32(0))  // updated, the kernel's
        request.attribute(Int(IFA_CACHEINFO), cache.bytes)
        return request
    }

    package func removeRequest() -> RouteRequest {
        request(RTM_DELADDR, flags: 0)
    }

    /// `INFINITY_LIFE_TIME` of the kernel.
    private static let forever = UInt32.max

    private func request(_ type: Int, flags: Int32) -> RouteRequest {
        var request = RouteRequest(
            type: type,
            flags: flags | NLM_F_ACK,
            subject: "\(prefix) on interface \(interface)"
        )
        request.fixed { body in
            switch prefix.address {
            case .v4: body.byte(UInt8(AF_INET))
            case .v6: body.byte(UInt8(AF_INET6))
            }
            body.byte(prefix.length)
            body.byte(UInt8(truncatingIfNeeded: self.flags))
            body.byte(scope)
            body.native(UInt32(bitPattern: interface))
        }
        request.attribute(Int(IFA_LOCAL), prefix.address.octets)
        request.attribute(Int(IFA_ADDRESS), (peer ?? prefix.address).octets)
        return request
    }

    /// Reads the body of `RTM_NEWADDR` or `RTM_DELADDR`; nil for a family that is none of ours.
    init?(body: ArraySlice<UInt8>) throws(DecodeError) {
        var reader = ByteReader(slice: body)
        let family = try reader.byte()
        let length = try reader.byte()
        flags = UInt32(try reader.byte())
        scope = try reader.byte()
        let index: UInt32 = try reader.native()
        interface = Int32(truncatingIfNeeded: index)
        let attributes = try NetlinkAttributes(from: &reader)
        guard family == AF_INET || family == AF_INET6,
            // On a point-to-point link IFA_ADDRESS is the other end.
            let octets = attributes.bytes(Int(IFA_LOCAL)) ?? attributes.bytes(Int(IFA_ADDRESS)),
            let address = IPAddress(octets: octets)
        else { return nil }
        prefix = Prefix(address: address, length: length)
        peer = attributes.bytes(Int(IFA_ADDRESS)).flatMap { IPAddress(octets: $0) }
        if peer == address { peer = nil }
        label = attributes.text(Int(IFA_LABEL))
        broadcast = nil
        if let octets = attributes.bytes(Int(IFA_BROADCAST)),
            case .v4(let address)? = IPAddress(octets: octets)
        {
            broadcast = address
        }
        if let wide = try attributes.number(Int(IFA_FLAGS)) { flags = wide }
        lifetime = nil
        preferredLifetime = nil
        stamp = nil
        if let cache = attributes.bytes(Int(IFA_CACHEINFO)) {
            var reader = ByteReader(slice: cache)
            let preferred: UInt32 = try reader.native()
            let valid: UInt32 = try reader.native()
            lifetime = valid == Self.forever ? nil : valid
            preferredLifetime = preferred == valid ? nil : preferred
            let _: UInt32 = try reader.native()  // created
            stamp = KernelStamp(hundredths: try reader.native())
        }
    }
}

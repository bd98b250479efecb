package import Primitives

/// One address that a virtual router lends to whichever node is MASTER.
package struct VirtualAddress: Hashable, Sendable {
    package var prefix: Prefix
    /// Nil: the router's own interface.
    package var interface: String?
    /// The kernel's address label, such as `eth0:vip`; at most 15 bytes.
    package var label: String?
    /// `rtnetlink(7)` scope: 0 global, 200 site, 253 link, 254 host.
    package var scope: UInt8
    package var broadcast: IPv4Address?

    package init(
        prefix: Prefix,
        interface: String? = nil,
        label: String? = nil,
        scope: UInt8 = 0,
        broadcast: IPv4Address? = nil
    ) {
        self.prefix = prefix
        self.interface = interface
        self.label = label
        self.scope = scope
        self.broadcast = broadcast
    }
}

/// What a virtual router is told by its configuration (keepalived.conf(5), `vrrp_instance`).
package struct RouterSettings: Equatable, Sendable {
    /// The name of the `vrrp_instance`, for people only; its identity is VRID and interface.
    package var name: String
    package var interface: String
    /// 1 to 255.
    package var virtualRouterID: UInt8
    /// 1 to 254, or 255 for the owner of the addresses.
    package var basePriority: UInt8
    package var advertisementInterval: Duration
    package var addresses: [VirtualAddress]
    /// Take over from a MASTER of lower priority (RFC 3768 §6.1 Preempt_Mode).
    package var preempt: Bool
    /// How long a MASTER of lower priority is left alone before it is preempted.
    package var preemptDelay: Duration
    package var authentication: Authentication
    /// Bursts of gratuitous ARP on takeover: how many a burst, and when the second one follows (zero: never).
    package var announcementsPerBurst: Int
    package var secondBurstDelay: Duration
    /// Zero: no periodic refresh.
    package var announcementRefresh: Duration
    /// The kernel's lifetime of an address in whole seconds; zero: addresses without one.
    package var addressLifetime: Duration
    /// Checks whose outcome moves the priority or faults the router, by name.
    package var tracks: [Track]

    package init(
        name: String,
        interface: String,
        virtualRouterID: UInt8,
        basePriority: UInt8 = 100,
        advertisementInterval: Duration = .seconds(1),
        addresses: [VirtualAddress],
        preempt: Bool = true,
        preemptDelay: Duration = .zero,
        authentication: Authentication = .none,
        announcementsPerBurst: Int = 5,
        secondBurstDelay: Duration = .seconds(5),
        announcementRefresh: Duration = .zero,
        addressLifetime: Duration = .seconds(2),
        tracks: [Track] = []
    ) {
        self.name = name
        self.interface = interface
        self.virtualRouterID = virtualRouterID
        self.basePriority = basePriority
        self.advertisementInterval = advertisementInterval
        self.addresses = addresses
        self.preempt = preempt
        self.preemptDelay = preemptDelay
        self.authentication = authentication
        self.announcementsPerBurst = announcementsPerBurst
        self.secondBurstDelay = secondBurstDelay
        self.announcementRefresh = announcementRefresh
        self.addressLifetime = addressLifetime
        self.tracks = tracks
    }
}

/// A check that a router follows (`track_script`, `track_interface`).
package struct Track: Equatable, Sendable {
    package enum Subject: Hashable, Sendable {
        case script(String)
        case interface(String)
    }

    package var subject: Subject
    /// -253 to 253; 0: a failure faults the router. Positive: added while the check succeeds;
    /// negative: added (so subtracted) while it fails.
    package var weight: Int
    /// `reverse`: the weight is added with its sign turned round, while the same outcome as ever
    /// decides; with weight 0, a success is the fault.
    package var reversed: Bool

    package init(subject: Subject, weight: Int, reversed: Bool = false) {
        self.subject = subject
        self.weight = weight
        self.reversed = reversed
    }
}
